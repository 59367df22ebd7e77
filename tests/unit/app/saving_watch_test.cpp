#include "demofs/app/saving_watch.hpp"

#include <gtest/gtest.h>

namespace demofs::app {
namespace {

using std::chrono::seconds;

TEST(SavingWatch, IsStuckForTheTimeSinceAnythingMoved) {
    const SavingWatch::Clock::time_point begin{};
    SavingWatch watch;
    watch.begin(begin);
    EXPECT_EQ(watch.stuck_for(begin + seconds(5)), seconds(5));
    SavingState state;
    state.bytes_left = 100;
    watch.look(state, begin + seconds(6));
    EXPECT_EQ(watch.stuck_for(begin + seconds(9)), seconds(3));
    watch.look(state, begin + seconds(10));  // the same
    EXPECT_EQ(watch.stuck_for(begin + seconds(10)), seconds(4));
    state.last_commit = 1;
    watch.look(state, begin + seconds(11));
    EXPECT_EQ(watch.stuck_for(begin + seconds(11)), seconds(0));
    state.parts_ended = 1;
    watch.look(state, begin + seconds(12));
    EXPECT_EQ(watch.stuck_for(begin + seconds(12)), seconds(0));
    watch.begin(begin + seconds(20));
    EXPECT_EQ(watch.stuck_for(begin + seconds(21)), seconds(1));
}

}  // namespace
}  // namespace demofs::app
