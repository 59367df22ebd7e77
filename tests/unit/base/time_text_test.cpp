#include "demofs/base/time_text.hpp"

#include <gtest/gtest.h>

namespace demofs {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

TEST(TimeText, IsInUniversalTime) {
    EXPECT_EQ(utc_text(sys_seconds(seconds(1738367999))), "2025-01-31 23:59:59 UTC");
    EXPECT_EQ(utc_text(sys_seconds(seconds(0))), "1970-01-01 00:00:00 UTC");
    EXPECT_EQ(utc_text(sys_seconds(seconds(-1))), "1969-12-31 23:59:59 UTC");
}

TEST(TimeText, SaysSoIfThereIsNoSuchDay) {
    EXPECT_EQ(utc_text(sys_seconds::max()), "an impossible time");
    EXPECT_EQ(utc_text(sys_seconds::min()), "an impossible time");
}

}  // namespace
}  // namespace demofs
