#include "demofs/fuse/linger.hpp"

#include <gtest/gtest.h>

namespace demofs::fuse {
namespace {

using namespace std::chrono_literals;

const Linger::Clock::time_point start{1000s};

TEST(Linger, LooksAgainOnlyAfterRequestsThatFollowedCloselyOnAnAnswer) {
    Linger linger(50us);
    linger.answered(start);
    EXPECT_FALSE(linger.look_again(start + 1us)) << "nothing is known yet";
    linger.woken(start + 30us);
    linger.answered(start + 40us);
    EXPECT_TRUE(linger.look_again(start + 41us));
    EXPECT_TRUE(linger.look_again(start + 89us));
    EXPECT_FALSE(linger.look_again(start + 90us));
}

TEST(Linger, StopsAfterOneLookInVainUntilItIsWorthItAgain) {
    Linger linger(50us);
    linger.answered(start);
    linger.woken(start + 30us);
    linger.answered(start + 40us);
    EXPECT_FALSE(linger.look_again(start + 200us));
    linger.woken(start + 1s);  // came long after the answer
    linger.answered(start + 1s);
    EXPECT_FALSE(linger.look_again(start + 1s + 1us));
    linger.woken(start + 1s + 20us);
    linger.answered(start + 1s + 25us);
    EXPECT_TRUE(linger.look_again(start + 1s + 26us));
}

TEST(Linger, RestsWhenToldTo) {
    Linger linger(50us);
    linger.answered(start);
    linger.woken(start + 10us);
    linger.rest();
    EXPECT_FALSE(linger.look_again(start + 11us));
}

TEST(Linger, NeverLooksAgainWithATimeOfZero) {
    Linger linger(0us);
    linger.answered(start);
    linger.woken(start);
    linger.answered(start);
    EXPECT_FALSE(linger.look_again(start));
}

}  // namespace
}  // namespace demofs::fuse
