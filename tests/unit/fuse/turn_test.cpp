#include "demofs/fuse/turn.hpp"

#include <gtest/gtest.h>

namespace demofs::fuse {
namespace {

TEST(Turn, SmallRequestsAreServedManyInARow) {
    Turn turn;
    for (int i = 1; i < Turn::most_requests; ++i) {
        turn.served(100);
        EXPECT_FALSE(turn.over()) << i;
    }
    turn.served(100);
    EXPECT_TRUE(turn.over());
}

TEST(Turn, ALargeWriteEndsIt) {
    Turn turn;
    turn.served(80 + Turn::enough_bytes);
    EXPECT_TRUE(turn.over());
}

TEST(Turn, SoDoSmallerOnesTogether) {
    Turn turn;
    for (int i = 0; i < 7; ++i) turn.served(Turn::enough_bytes / 8);
    EXPECT_FALSE(turn.over());
    turn.served(Turn::enough_bytes / 8);
    EXPECT_TRUE(turn.over());
}

}  // namespace
}  // namespace demofs::fuse
