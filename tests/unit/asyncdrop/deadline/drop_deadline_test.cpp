// Deadlines on one drop: async_drop_for, and brackets with a drop_deadline.
#include <asyncdrop/drop_deadline.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/teardown_error.hpp>
#include <boost/asio/detached.hpp>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/printed_lines.hpp"
#include "tests/unit/asyncdrop/support/probe_test.hpp"

namespace deadline_test {

using asyncdrop::async_drop_for;
using asyncdrop::AsyncDropGuard;
using asyncdrop::drop_deadline;
using asyncdrop::even_if_cancelled;
using asyncdrop::with_async_drop;
using std::chrono::hours;
using std::chrono::milliseconds;
using test_support::run_coroutine;
using testing::ElementsAre;
using testing::HasSubstr;

class DropDeadlineTest : public ProbeTest {
  protected:
    // A cleanup that waits for the gate, and notes a cancellation.
    Cleanup patient() {
        return [this]() -> asio::awaitable<void> {
            try {
                co_await gate.pass();
            } catch (const boost::system::system_error&) {
                journal.add("cancelled");
                throw std::runtime_error("cut off");
            }
        };
    }

    Gate gate;
    Gate second_gate;
};

TEST_F(DropDeadlineTest, ADropThatIsInTimeIsAsAnyOther) {
    auto guard = make_probe(journal, "a");
    EXPECT_EQ(outcome(async_drop_for(guard, hours(1))), "no error");
    EXPECT_TRUE(guard.is_dropped());
    EXPECT_THAT(journal.events(), ElementsAre("drop a", "dropped a", "gone a"));
    EXPECT_EQ(outcome(async_drop_for(guard, hours(1))), "no error") << "twice: nothing happens";
}

TEST_F(DropDeadlineTest, AnEmptyGuardNeedsNoDrop) {
    AsyncDropGuard<Probe> empty;
    EXPECT_EQ(outcome(async_drop_for(empty, milliseconds(1))), "no error");
}

TEST_F(DropDeadlineTest, AnErrorOfTheCleanupIsThrownAsItself) {
    auto guard = make_probe(journal, "a", failing("disk full"));
    EXPECT_EQ(outcome(async_drop_for(guard, hours(1))), "disk full");
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(DropDeadlineTest, ADurationAloneCancelsTheCleanupAndWaitsForIt) {
    auto guard = make_probe(journal, "a", patient());
    EXPECT_EQ(outcome(async_drop_for(guard, milliseconds(1))), "cut off");
    EXPECT_TRUE(guard.is_dropped());
    EXPECT_THAT(journal.events(), ElementsAre("drop a", "cancelled", "gone a"));
}

TEST_F(DropDeadlineTest, AnAbandonedCleanupGoesOnByItself) {
    auto guard = make_probe(journal, "a", patient());
    EXPECT_THAT(outcome(async_drop_for(guard, asyncdrop::abandon_after(milliseconds(1)))),
                HasSubstr("took longer than its abandon_after"));
    EXPECT_FALSE(guard);
    EXPECT_THAT(journal.events(), ElementsAre("drop a"));
    gate.open();
    poll();
    EXPECT_THAT(journal.events(), ElementsAre("drop a", "dropped a", "gone a"));
}

TEST_F(DropDeadlineTest, StepsFollowEachOther) {
    // It ignores its cancellation, so it is abandoned after that.
    auto guard = make_probe(journal, "a", [this]() -> asio::awaitable<void> {
        try {
            co_await gate.pass();
        } catch (const boost::system::system_error&) {
            journal.add("cancelled");
        }
        co_await even_if_cancelled;
        co_await second_gate.pass();
    });
    const std::string told = outcome(async_drop_for(guard, asyncdrop::cancel_after(milliseconds(1)),
                                                    asyncdrop::abandon_after(milliseconds(30))));
    EXPECT_THAT(told, HasSubstr("took longer than its abandon_after"));
    EXPECT_THAT(journal.events(), ElementsAre("drop a", "cancelled"));
    second_gate.open();
    poll();
    EXPECT_TRUE(journal.contains("dropped a"));
}

TEST_F(DropDeadlineTest, WarnsThroughTheMessageSink) {
    PrintedLines printed;
    auto guard = make_probe(journal, "a", waiting_for(gate));
    asio::steady_timer later(context, milliseconds(20));
    later.async_wait([this](boost::system::error_code) { gate.open(); });
    EXPECT_EQ(outcome(async_drop_for(guard, asyncdrop::warn_after(milliseconds(1)))), "no error");
    ASSERT_FALSE(printed.lines().empty());
    EXPECT_THAT(printed.lines()[0],
                testing::ContainsRegex("still dropping Probe, .* ms, created at .*probe.hpp|"
                                       "still dropping Probe, .* ms, created at .*deadline_test.cpp"));
}

TEST_F(DropDeadlineTest, ATimeThatIsTooLongMeansNever) {
    auto guard = make_probe(journal, "a", patient());
    asio::cancellation_signal never;
    start_cancellable(async_drop_for(guard, hours::max()), never);
    EXPECT_FALSE(ended);
    EXPECT_THAT(journal.events(), ElementsAre("drop a"));
    gate.open();
    poll();
    EXPECT_EQ(ended, "no error");
}

TEST_F(DropDeadlineTest, ACancelledCoroutineStartsItBehindEvenIfCancelled) {
    asio::cancellation_signal signal;
    const auto runs = [&]() -> asio::awaitable<void> {
        auto guard = make_probe(journal, "a");
        asio::steady_timer never(context, asio::steady_timer::time_point::max());
        std::exception_ptr error;
        try {
            co_await never.async_wait(asio::use_awaitable);
        } catch (...) {
            error = std::current_exception();
        }
        co_await even_if_cancelled;
        co_await async_drop_for(guard, hours(1));
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        EXPECT_TRUE(throws) << "as after every drop";
        EXPECT_TRUE(guard.is_dropped());
    };
    start_cancellable(runs(), signal);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_EQ(ended, "no error");
    EXPECT_TRUE(journal.contains("dropped a"));
}

TEST_F(DropDeadlineTest, TheLastOwnerOfAnArcRunsItsCleanupWithinTheDeadline) {
    asyncdrop::AsyncDropArc<Probe> first(make_probe(journal, "a", patient()));
    asyncdrop::AsyncDropArc<Probe> second = first.clone();
    EXPECT_EQ(outcome(async_drop_for(first, milliseconds(1))), "no error");
    EXPECT_TRUE(journal.events().empty());
    EXPECT_EQ(outcome(async_drop_for(second, milliseconds(1))), "cut off");
}

class TimedBracketTest : public DropDeadlineTest {
  protected:
    asio::awaitable<AsyncDropGuard<Probe>> open_later(std::string name, Cleanup cleanup = {}) {
        co_await let_others_run();
        co_return make_probe(journal, std::move(name), std::move(cleanup));
    }
};

TEST_F(TimedBracketTest, TheDropsOfABracketHaveTheDeadline) {
    const auto open = [this] { return make_probe(journal, "a", patient()); };
    const auto use = [this](Probe& probe) { journal.add("use " + probe.name()); };
    const auto runs = [&]() -> asio::awaitable<void> {
        const auto deadline = drop_deadline(milliseconds(1));
        co_await with_async_drop(open, use, deadline);
    };
    EXPECT_EQ(outcome(runs()), "cut off");
    EXPECT_THAT(journal.events(), ElementsAre("use a", "drop a", "cancelled", "gone a"));
}

TEST_F(TimedBracketTest, FactoriesMayBeCoroutinesAndTakeEarlierValuesAndABodyMayReturn) {
    const auto open_first = [this] { return open_later("first"); };
    const auto open_second = [this](Probe& first) { return open_later("second after " + first.name()); };
    const auto use = [](Probe& first, Probe& second) -> asio::awaitable<std::string> {
        co_return first.name() + ", " + second.name();
    };
    std::string result;
    const auto runs = [&]() -> asio::awaitable<void> {
        const auto deadline = drop_deadline(hours(1));
        result = co_await with_async_drop(open_first, open_second, use, deadline);
    };
    EXPECT_EQ(outcome(runs()), "no error");
    EXPECT_EQ(result, "first, second after first");
    EXPECT_LT(journal.place_of("gone second after first"), journal.place_of("drop first"));
}

TEST_F(TimedBracketTest, AGuardThatExistsIsBorrowed) {
    auto guard = make_probe(journal, "a", patient());
    const auto use = [](Probe&) {};
    const auto runs = [&]() -> asio::awaitable<void> {
        const auto deadline = drop_deadline(asyncdrop::cancel_after(milliseconds(1)));
        co_await with_async_drop(guard, use, deadline);
    };
    EXPECT_EQ(outcome(runs()), "cut off");
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(TimedBracketTest, BodyAndCleanupBothFail) {
    const auto open = [this] { return make_probe(journal, "a", patient()); };
    const auto use = [](Probe&) { throw std::runtime_error("no answer"); };
    const auto runs = [&]() -> asio::awaitable<void> {
        const auto deadline = drop_deadline(milliseconds(1));
        co_await with_async_drop(open, use, deadline);
    };
    const std::string told = outcome(runs());
    EXPECT_THAT(told,
                testing::MatchesRegex("no answer; while cleaning up Probe \\(created at .*\\): cut off"));
}

TEST_F(TimedBracketTest, AnErrorMapComesBeforeTheDeadline) {
    const auto open = [this] { return make_probe(journal, "a", failing("raw")); };
    const auto use = [](Probe&) {};
    const auto translate = [](const std::exception_ptr& error) {
        return std::runtime_error("translated " + message_of(error));
    };
    const auto runs = [&]() -> asio::awaitable<void> {
        const auto deadline = drop_deadline(hours(1));
        const auto map = asyncdrop::error_map(translate);
        co_await with_async_drop(open, use, map, deadline);
    };
    EXPECT_EQ(outcome(runs()), "translated raw");
}

TEST_F(TimedBracketTest, AnAbandonedResourceIsNotDroppedTwice) {
    const auto open = [this] { return make_probe(journal, "a", patient()); };
    const auto use = [](Probe&) {};
    const auto runs = [&]() -> asio::awaitable<void> {
        const auto deadline = drop_deadline(asyncdrop::abandon_after(milliseconds(1)));
        co_await with_async_drop(open, use, deadline);
    };
    EXPECT_THAT(outcome(runs()), HasSubstr("took longer than its abandon_after"));
    gate.open();
    poll();
    EXPECT_THAT(journal.events(), ElementsAre("drop a", "dropped a", "gone a"));
}

TEST_F(TimedBracketTest, ACancelledBodyIsFollowedByTheDrop) {
    asio::cancellation_signal signal;
    const auto open = [this] { return make_probe(journal, "a"); };
    const auto use = [this](Probe&) { return gate.pass(); };
    const auto runs = [&]() -> asio::awaitable<void> {
        const auto deadline = drop_deadline(hours(1));
        co_await with_async_drop(open, use, deadline);
    };
    start_cancellable(runs(), signal);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_THAT(ended.value_or(""), HasSubstr("Operation canceled"));
    EXPECT_TRUE(journal.contains("dropped a"));
}

}  // namespace deadline_test
