#include "demofs/crypto/hex.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

TEST(Hex, EveryByteComesBack) {
    const auto bytes = crypto_test::counting<256>(0);
    const std::string digits = to_hex(bytes);
    EXPECT_EQ(digits, crypto_test::to_hex(bytes));
    std::array<std::byte, 256> back{};
    EXPECT_TRUE(from_hex(digits, back));
    EXPECT_EQ(back, bytes);
    EXPECT_EQ(to_hex({}), "");
    EXPECT_TRUE(from_hex("", {}));
}

TEST(Hex, AnythingElseIsRefused) {
    std::array<std::byte, 2> bytes{};
    EXPECT_TRUE(from_hex("0aff", bytes));
    for (const char* digits : {"", "0aff0", "0af", "0afg", "0AFF", "0aF0", "0a ff", " 0aff", "0x0a", "0a:f"})
        EXPECT_FALSE(from_hex(digits, bytes)) << digits;
}

}  // namespace
}  // namespace demofs::crypto
