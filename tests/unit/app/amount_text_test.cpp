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

}  // namespace
}  // namespace demofs::app
