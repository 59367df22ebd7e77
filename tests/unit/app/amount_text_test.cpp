#include "demofs/app/amount_text.hpp"

#include <gtest/gtest.h>

namespace demofs::app {
namespace {

TEST(BytesText, CountsInPowersOfAThousand) {
    EXPECT_EQ(bytes_text(0), "0 B");
    EXPECT_EQ(bytes_text(999), "999 B");
    EXPECT_EQ(bytes_text(1000), "1.0 kB");
    EXPECT_EQ(bytes_text(9'940), "9.9 kB");
    EXPECT_EQ(bytes_text(12'345), "12 kB");
    EXPECT_EQ(bytes_text(12'000'000), "12 MB");
    EXPECT_EQ(bytes_text(999'900'000), "1.0 GB");
}

TEST(CountText, KnowsOneFromMany) {
    EXPECT_EQ(count_text(1, "file"), "1 file");
    EXPECT_EQ(count_text(0, "file"), "0 files");
    EXPECT_EQ(exact_bytes_text(1), "1 byte");
    EXPECT_EQ(exact_bytes_text(1500), "1500 bytes (1.5 kB)");
}

}  // namespace
}  // namespace demofs::app
