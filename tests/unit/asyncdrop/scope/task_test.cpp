// AsyncDropTask: how a body is asked to stop, waits and is woken, and where its error goes.
#include <asyncdrop/task.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/teardown_graph.hpp>

#include "tests/unit/asyncdrop/scope/scope_fixture.hpp"

namespace scope_test {

using asyncdrop::AsyncDropTask;
using asyncdrop::TaskControl;
using testing::ElementsAre;

class TaskTest : public ScopeTest {
  protected:
    template <class F>
    AsyncDropGuard<AsyncDropTask> start(F body) {
        return AsyncDropTask::start(context.get_executor(), "task", std::move(body));
    }
    /// Journal: "turn" after each wait, "end".
    template <class Duration>
    AsyncDropGuard<AsyncDropTask> start_turning(Duration pause) {
        return start([this, pause](TaskControl& control) -> asio::awaitable<void> {
            while (!control.stopping()) {
                co_await control.wait_for(pause);
                journal.add("turn");
            }
            journal.add("end");
        });
    }
};

TEST_F(TaskTest, ABodyThatTakesAControlIsAskedThroughItAndNotCancelled) {
    auto task = start([this](TaskControl& control) -> asio::awaitable<void> {
        co_await control.wait();
        journal.add(control.stopping() ? "stopping" : "woken");
        co_await gate.pass();  // the step that is under way comes to its end
        journal.add("end");
    });
    poll();
    EXPECT_EQ(start_dropping(task), std::nullopt);
    EXPECT_THAT(journal.events(), ElementsAre("stopping"));
    gate.open();
    poll();
    EXPECT_EQ(dropped, "no error");
    EXPECT_THAT(journal.events(), ElementsAre("stopping", "end"));
}

TEST_F(TaskTest, ABodyThatTakesNothingIsCancelled) {
    auto task = start([this] { return passing("a"); });
    poll();
    EXPECT_EQ(start_dropping(task), "no error");
    EXPECT_THAT(journal.events(), ElementsAre("begin a", "cancelled a"));
}

TEST_F(TaskTest, ADropBeforeTheBodyHasBegunLetsItBeginAndEnd) {
    auto controlled = start([this](TaskControl& control) -> asio::awaitable<void> {
        journal.add(control.stopping() ? "stopping" : "not yet");
        co_await control.wait();
        journal.add("end");
    });
    EXPECT_EQ(start_dropping(controlled), "no error");
    auto cancelled = start([this] { return passing("a"); });
    EXPECT_EQ(start_dropping(cancelled), "no error");
    EXPECT_TRUE(journal.contains("end"));
    EXPECT_TRUE(journal.contains("cancelled a"));
}

TEST_F(TaskTest, WaitsUntilItIsWokenAndOneWakeIsNotLost) {
    auto task = start_turning(std::chrono::nanoseconds::max());  // never by itself
    poll();
    EXPECT_TRUE(journal.events().empty());
    task->wake();
    poll();
    EXPECT_THAT(journal.events(), ElementsAre("turn"));
    asio::post(context, [&task] {  // twice before it can run: once
        task->wake();
        task->wake();
    });
    poll();
    EXPECT_THAT(journal.events(), ElementsAre("turn", "turn"));
    EXPECT_EQ(start_dropping(task), "no error");
    EXPECT_THAT(journal.events(), ElementsAre("turn", "turn", "turn", "end"));
}

TEST_F(TaskTest, AWakeFromBeforeTheFirstWaitEndsThatWait) {
    auto task = start_turning(std::chrono::nanoseconds::max());
    task->wake();
    poll();
    EXPECT_THAT(journal.events(), ElementsAre("turn"));
    EXPECT_EQ(start_dropping(task), "no error");
}

TEST_F(TaskTest, WaitsForATime) {
    auto task = start_turning(std::chrono::milliseconds(1));
    context.restart();
    while (journal.events().size() < 3) context.run_one();
    EXPECT_EQ(start_dropping(task), "no error");
}

TEST_F(TaskTest, ATimeThatIsTooLongMeansNever) {
    auto task = start_turning(std::chrono::hours::max());
    poll();
    EXPECT_TRUE(journal.events().empty());
    EXPECT_EQ(start_dropping(task), "no error");
}

TEST_F(TaskTest, AnErrorIsDeliveredByTheDrop) {
    auto task = start([] { return failing_task("disk full"); });
    EXPECT_FALSE(task->has_ended());
    poll();
    EXPECT_TRUE(task->has_ended());
    EXPECT_EQ(start_dropping(task), "disk full");
    EXPECT_TRUE(task.is_dropped());
}

TEST_F(TaskTest, ACancelledDropCancelsTheBodyWhateverItTakes) {
    auto task = start([this](TaskControl&) { return passing("a"); });
    poll();
    auto graph = asyncdrop::TeardownGraph::create();
    graph->add("task", std::move(task), asyncdrop::cancel_after(std::chrono::milliseconds(1)));
    const auto report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    EXPECT_THAT(journal.events(), ElementsAre("begin a", "cancelled a"));
    run_coroutine(context, graph.async_drop());
}

TEST_F(TaskTest, CancellationReachesTheControlsWait) {
    std::string outcome;
    auto task = start([&](TaskControl& control) -> asio::awaitable<void> {
        while (!control.stopping()) co_await control.wait();
        asio::awaitable<void> again = control.wait();
        outcome = co_await outcome_of(std::move(again));
    });
    poll();
    auto graph = asyncdrop::TeardownGraph::create();
    graph->add("task", std::move(task), asyncdrop::cancel_after(std::chrono::milliseconds(1)));
    run_coroutine(context, graph->run());
    EXPECT_EQ(outcome, "no error") << "a stopped control's waits return at once";
    run_coroutine(context, graph.async_drop());
}

TEST_F(TaskTest, AForgottenTaskIsReportedAndAskedToStop) {
    ForgottenRecorder forgotten;
    {
        auto task = start_turning(std::chrono::nanoseconds::max());
        poll();
    }
    ASSERT_EQ(forgotten.entries().size(), 1u);
    EXPECT_EQ(forgotten.entries()[0].type, "asyncdrop::AsyncDropTask");
    poll();
    EXPECT_TRUE(journal.contains("turn"));
}

TEST_F(TaskTest, MovesWithItsGuard) {
    auto task = start_turning(std::chrono::nanoseconds::max());
    AsyncDropGuard<AsyncDropTask> later = std::move(task);
    poll();
    later->wake();
    poll();
    EXPECT_THAT(journal.events(), ElementsAre("turn"));
    EXPECT_EQ(start_dropping(later), "no error");
}

}  // namespace scope_test
