#include "demofs/crypto/nonce.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

using crypto_test::to_hex;

TEST(Nonce, IsTheOffsetThenThePartThenZeros) {
    EXPECT_EQ(to_hex(nonce_for(0, Part::header)), "000000000000000001000000");
    EXPECT_EQ(to_hex(nonce_for(0x0102030405060708, Part::payload)), "080706050403020102000000");
    EXPECT_EQ(to_hex(nonce_for(std::numeric_limits<std::uint64_t>::max(), Part::header)),
              "ffffffffffffffff01000000");
}

TEST(NonceLedger, HandsOutRisingOffsetsOfBothParts) {
    NonceLedger ledger;
    EXPECT_EQ(ledger.take(0, Part::header), nonce_for(0, Part::header));
    EXPECT_EQ(ledger.take(0, Part::payload), nonce_for(0, Part::payload));
    EXPECT_EQ(ledger.take(4096, Part::payload), nonce_for(4096, Part::payload));
    EXPECT_EQ(ledger.take(64, Part::header), nonce_for(64, Part::header)) << "parts are independent";
}

TEST(NonceLedger, RefusesAnOffsetThatIsNotBeyondTheLast) {
    NonceLedger ledger;
    (void)ledger.take(100, Part::payload);
    EXPECT_THROW((void)ledger.take(100, Part::payload), std::logic_error);
    EXPECT_THROW((void)ledger.take(0, Part::payload), std::logic_error);
    EXPECT_NO_THROW((void)ledger.take(101, Part::payload));
}

}  // namespace
}  // namespace demofs::crypto
