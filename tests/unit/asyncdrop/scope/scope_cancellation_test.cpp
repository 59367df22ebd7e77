// AsyncDropScope and cancellation: of tasks by the drop, of the drop itself, of whoever waits for a task.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/scope.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/with_async_drop.hpp>

#include "tests/unit/asyncdrop/scope/scope_fixture.hpp"

namespace scope_test {

using asyncdrop::WhenDropped;
using testing::ElementsAre;
using testing::HasSubstr;

class ScopeCancellation : public ScopeTest {};

TEST_F(ScopeCancellation, ADropThatCancelsAsksEverybodyAndWaitsForThem) {
    auto scope = make_scope(WhenDropped::cancel);
    scope->spawn("a", passing("a"));
    scope->spawn("stubborn", [this]() -> asio::awaitable<void> {
        try {
            co_await gate.pass();
        } catch (const boost::system::system_error&) {
            journal.add("asked");
        }
        co_await asyncdrop::even_if_cancelled;
        co_await second_gate.pass();
        journal.add("done");
    });
    poll();
    EXPECT_EQ(start_dropping(scope), std::nullopt);
    EXPECT_THAT(journal.events(), ElementsAre("begin a", "cancelled a", "asked"));
    second_gate.open();
    poll();
    EXPECT_EQ(dropped, "no error") << "whoever does what it is asked for has not failed";
    EXPECT_TRUE(journal.contains("done"));
}

TEST_F(ScopeCancellation, AnErrorOtherThanTheCancellationIsKept) {
    auto scope = make_scope(WhenDropped::cancel);
    scope->spawn("a", [this]() -> asio::awaitable<void> {
        try {
            co_await gate.pass();
        } catch (const boost::system::system_error&) {
        }
        throw std::runtime_error("could not save");
    });
    poll();
    EXPECT_EQ(start_dropping(scope), "could not save");
}

TEST_F(ScopeCancellation, OperationAbortedOfATaskThatWasNotAskedIsAnError) {
    auto scope = make_scope();
    scope->spawn("a", []() -> asio::awaitable<void> {
        throw boost::system::system_error(asio::error::operation_aborted);
        co_return;
    });
    EXPECT_THAT(start_dropping(scope).value_or(""), HasSubstr("Operation canceled"));
}

// Every moment at which the drop may come: a task is queued, has begun, waits, or has ended.
TEST_F(ScopeCancellation, ATaskSeesItsCancellationWheneverTheDropComes) {
    for (int turns = 0; turns < 8; ++turns) {
        bool began = false;
        bool aborted = false;
        Gate never;
        auto scope = make_scope(WhenDropped::cancel);
        scope->spawn("a", [&]() -> asio::awaitable<void> {
            began = true;
            co_await yield();
            co_await yield();
            try {
                co_await never.pass();
            } catch (const boost::system::system_error&) {
                aborted = true;
                throw;
            }
        });
        context.restart();
        for (int turn = 0; turn < turns; ++turn) context.poll_one();
        EXPECT_EQ(start_dropping(scope), "no error") << turns;
        EXPECT_TRUE(began) << "a task that was let in begins, so that it can clean up";
        EXPECT_TRUE(aborted || turns < 8) << turns;
    }
}

TEST_F(ScopeCancellation, ADropInACancelledCoroutineIsShielded) {
    auto scope = make_scope();
    scope->spawn("a", passing("a"));
    asio::cancellation_signal signal;
    const auto drops = [&]() -> asio::awaitable<void> { co_await scope.async_drop(); };
    start_cancellable(drops(), signal);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_FALSE(ended);
    EXPECT_FALSE(journal.contains("cancelled a"));
    gate.open();
    poll();
    EXPECT_EQ(ended, "no error");
    EXPECT_TRUE(scope.is_dropped());
}

TEST_F(ScopeCancellation, ADropThatIsItselfCancelledAsksTheTasksToCancelAndJoinsThem) {
    auto scope = make_scope();
    scope->spawn("a", passing("a"));
    scope->spawn("fails", [this]() -> asio::awaitable<void> {
        try {
            co_await gate.pass();
        } catch (const boost::system::system_error&) {
        }
        throw std::runtime_error("half written");
    });
    poll();
    auto graph = asyncdrop::TeardownGraph::create();
    graph->add("scope", std::move(scope), asyncdrop::cancel_after(std::chrono::milliseconds(1)));
    const auto report = run_coroutine(context, graph->run());
    EXPECT_TRUE(journal.contains("cancelled a"));
    ASSERT_EQ(report.failures().size(), 1u);
    EXPECT_EQ(message_of(report.failures()[0]->error), "half written");
    run_coroutine(context, graph.async_drop());
}

TEST_F(ScopeCancellation, WhoeverWaitsForATaskHandsItsCancellationOn) {
    auto scope = make_scope();
    asio::cancellation_signal signal;
    const auto waits = [&]() -> asio::awaitable<void> {
        asio::awaitable<void> passed = scope->spawn("a", passing("a"), asio::use_awaitable);
        co_await std::move(passed);
    };
    start_cancellable(waits(), signal);
    EXPECT_THAT(journal.events(), ElementsAre("begin a"));
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_THAT(ended.value_or(""), HasSubstr("Operation canceled"));
    EXPECT_TRUE(journal.contains("cancelled a"));
    EXPECT_EQ(start_dropping(scope), "no error");
}

TEST_F(ScopeCancellation, ABracketAroundAScopeJoinsHoweverItsBodyEnds) {
    const auto open = [this] { return make_scope(WhenDropped::cancel); };
    const auto body = [this](AsyncDropScope& scope) -> asio::awaitable<void> {
        scope.spawn("a", passing("a"));
        co_await yield();
        throw std::runtime_error("the body failed");
    };
    asio::cancellation_signal signal;
    const auto runs = [&]() -> asio::awaitable<void> { co_await asyncdrop::with_async_drop(open, body); };
    start_cancellable(runs(), signal);
    EXPECT_EQ(ended, "the body failed");
    EXPECT_THAT(journal.events(), ElementsAre("begin a", "cancelled a"));
}

}  // namespace scope_test
