// AsyncDropScope: who gets in, what the drop waits for, and where errors go.
#include <asyncdrop/scope.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/error.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <optional>

#include "tests/unit/asyncdrop/scope/scope_fixture.hpp"
#include "tests/unit/asyncdrop/support/printed_lines.hpp"

namespace scope_test {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(ScopeTest, ADropJoinsWhatIsRunning) {
    auto scope = make_scope();
    scope->spawn("a", passing("a"));
    scope->spawn("b", passing("b"));
    EXPECT_EQ(start_dropping(scope), std::nullopt);
    EXPECT_THAT(journal.events(), ElementsAre("begin a", "begin b"));
    gate.open();
    poll();
    EXPECT_EQ(dropped, "no error");
    EXPECT_THAT(journal.events(), ElementsAre("begin a", "begin b", "end a", "end b"));
    EXPECT_TRUE(scope.is_dropped());
}

TEST_F(ScopeTest, AnEmptyScopeIsDroppedAtOnce) {
    auto scope = make_scope();
    EXPECT_EQ(start_dropping(scope), "no error");
}

TEST_F(ScopeTest, ATaskNeverBeginsInsideSpawn) {
    auto scope = make_scope();
    asio::post(context, [&] {
        scope->spawn("a", passing("a"));
        EXPECT_THAT(journal.events(), IsEmpty());
    });
    poll();
    EXPECT_THAT(journal.events(), ElementsAre("begin a"));
    gate.open();
    EXPECT_EQ(start_dropping(scope), "no error");
}

TEST_F(ScopeTest, TheExecutorOfATaskTellsWhetherItBlocks) {
    asio::any_io_executor executor;
    auto scope = make_scope();
    scope->spawn("a", [&executor]() -> asio::awaitable<void> {  // the scope keeps it
        executor = co_await asio::this_coro::executor;
    });
    EXPECT_EQ(start_dropping(scope), "no error");
    using asio::execution::blocking;
    const asio::any_io_executor never = asio::require(executor, blocking.never);
    const asio::any_io_executor tracked = asio::prefer(never, asio::execution::outstanding_work.tracked);
    const asio::any_io_executor possibly = asio::prefer(never, blocking.possibly);
    EXPECT_TRUE(asio::query(executor, blocking) == blocking.possibly);
    EXPECT_TRUE(asio::query(never, blocking) == blocking.never);
    EXPECT_TRUE(asio::query(tracked, blocking) == blocking.never);
    EXPECT_TRUE(asio::query(possibly, blocking) == blocking.possibly);
}

TEST_F(ScopeTest, AFunctionLivesUntilItsCoroutineHasEnded) {
    const auto alive = std::make_shared<int>(7);
    const std::weak_ptr<int> watched = alive;
    auto scope = make_scope();
    scope->spawn("a",
                 [this, kept = std::move(const_cast<std::shared_ptr<int>&>(alive))] { return passing("a"); });
    poll();
    EXPECT_FALSE(watched.expired());
    gate.open();
    poll();
    EXPECT_TRUE(watched.expired());
    EXPECT_EQ(start_dropping(scope), "no error");
}

TEST_F(ScopeTest, LaterSpawnsAreRefusedAndTheirCoroutineIsStillTheCallers) {
    auto scope = make_scope();
    asyncdrop::AsyncDropScope& inside = *scope;
    scope->spawn("a", passing("a"));
    EXPECT_EQ(start_dropping(scope), std::nullopt);
    EXPECT_TRUE(inside.closed());
    asio::awaitable<void> late = passing("late");
    try {
        inside.spawn("late", std::move(late));
        ADD_FAILURE() << "a closed scope let somebody in";
    } catch (const asyncdrop::ScopeClosed& error) {
        EXPECT_STREQ(error.what(), "the scope is closed: it is being dropped");
    }
    bool called = false;
    EXPECT_THROW(inside.spawn("function",
                              [&called]() -> asio::awaitable<void> {
                                  called = true;
                                  co_return;
                              }),
                 asyncdrop::ScopeClosed);
    gate.open();
    poll();
    EXPECT_EQ(dropped, "no error");
    EXPECT_FALSE(called);
    run_coroutine(context, std::move(late));  // nothing was lost
    EXPECT_TRUE(journal.contains("end late"));
}

TEST_F(ScopeTest, ALaterSpawnWithATokenEndsWithTheError) {
    auto scope = make_scope();
    asyncdrop::AsyncDropScope& inside = *scope;
    scope->spawn("a", passing("a"));
    start_dropping(scope);
    std::string outcome;
    inside.spawn("late", number(),
                 [&](const std::exception_ptr& error, int) { outcome = message_of(error); });
    gate.open();
    poll();
    EXPECT_EQ(outcome, "the scope is closed: it is being dropped");
}

TEST_F(ScopeTest, TasksMaySpawnIntoTheirScopeAndTheDropWaitsForThoseToo) {
    auto scope = make_scope();
    asyncdrop::AsyncDropScope& inside = *scope;
    scope->spawn("parent", [&]() -> asio::awaitable<void> {
        co_await yield();
        inside.spawn("child", passing("child"));
    });
    poll();
    EXPECT_EQ(start_dropping(scope), std::nullopt);
    gate.open();
    poll();
    EXPECT_EQ(dropped, "no error");
    EXPECT_TRUE(journal.contains("end child"));
}

TEST_F(ScopeTest, OneErrorIsThrownAsItself) {
    auto scope = make_scope();
    scope->spawn("a", failing_task("disk full"));
    scope->spawn("b", passing("b"));
    gate.open();
    std::exception_ptr error;
    try {
        run_coroutine(context, scope.async_drop());
    } catch (...) {
        error = std::current_exception();
    }
    EXPECT_THROW(std::rethrow_exception(error), std::runtime_error);
    EXPECT_EQ(message_of(error), "disk full");
    EXPECT_TRUE(journal.contains("end b"));
    EXPECT_TRUE(scope.is_dropped());
}

TEST_F(ScopeTest, SeveralErrorsAreAllKeptWithTheNamesOfTheirTasks) {
    auto scope = make_scope();
    scope->spawn("a", failing_task("first"));
    scope->spawn("b", failing_task("second"));
    const auto line = __LINE__ - 1;
    scope->spawn("c", failing_task("third"));
    try {
        run_coroutine(context, scope.async_drop());
        ADD_FAILURE() << "the errors are gone";
    } catch (const asyncdrop::AsyncDropError& error) {
        EXPECT_EQ(message_of(error.primary()), "first");
        ASSERT_EQ(error.suppressed().size(), 2u);
        EXPECT_EQ(error.suppressed()[0].resource, "task b");
        EXPECT_EQ(error.suppressed()[0].site.line(), static_cast<unsigned>(line));
        EXPECT_EQ(message_of(error.suppressed()[1].error), "third");
        EXPECT_THAT(error.what(), HasSubstr("first; while cleaning up task b (created at "));
        EXPECT_THAT(error.what(), HasSubstr("scope_test.cpp:" + std::to_string(line) + "): second"));
    }
}

TEST_F(ScopeTest, AnErrorFromBeforeTheDropIsKept) {
    auto scope = make_scope();
    scope->spawn("a", failing_task("long ago"));
    poll();
    EXPECT_EQ(scope->size(), 0u);
    EXPECT_EQ(start_dropping(scope), "long ago");
}

TEST_F(ScopeTest, AFunctionThatThrowsInsteadOfReturningACoroutineHasFailed) {
    auto scope = make_scope();
    scope->spawn("a", []() -> asio::awaitable<void> { throw std::runtime_error("no coroutine"); });
    EXPECT_EQ(start_dropping(scope), "no coroutine");
}

TEST_F(ScopeTest, ATokenGetsResultAndErrorInsteadOfTheDrop) {
    auto scope = make_scope();
    int result = 0;
    std::string error;
    run_coroutine(context, [&]() -> asio::awaitable<void> {
        asio::awaitable<int> counting = scope->spawn("number", number(), asio::use_awaitable);
        result = co_await std::move(counting);
        asio::awaitable<void> failing = scope->spawn("fails", failing_task("bad"), asio::use_awaitable);
        error = co_await outcome_of(std::move(failing));
    });
    EXPECT_EQ(result, 42);
    EXPECT_EQ(error, "bad");
    EXPECT_EQ(start_dropping(scope), "no error");
}

TEST_F(ScopeTest, ATokensHandlerRunsOnItsOwnExecutorWhichHasWorkMeanwhile) {
    asio::io_context elsewhere;
    auto scope = make_scope();
    bool told = false;
    scope->spawn("a", passing("a"),
                 asio::bind_executor(elsewhere.get_executor(),
                                     [&](const std::exception_ptr& error) { told = !error; }));
    poll();
    EXPECT_EQ(elsewhere.poll(), 0u);
    EXPECT_FALSE(elsewhere.stopped());
    gate.open();
    poll();
    EXPECT_FALSE(told);
    elsewhere.run();
    EXPECT_TRUE(told);
    EXPECT_EQ(start_dropping(scope), "no error");
}

TEST_F(ScopeTest, WorksWithFutures) {
    asio::thread_pool pool(2);
    auto scope = asyncdrop::AsyncDropScope::create(pool.get_executor());
    std::future<int> result = scope->spawn("number", number(), asio::use_future);
    EXPECT_EQ(result.get(), 42);
    run_coroutine(context, scope.async_drop());
}

TEST_F(ScopeTest, TellsWhoIsInside) {
    auto scope = make_scope();
    const std::function<std::string()> progress = scope->drop_progress();
    scope->spawn("ping", passing("ping"));
    const auto line = __LINE__ - 1;
    scope->spawn("pong", passing("pong"));
    EXPECT_EQ(scope->size(), 2u);
    const auto inside = scope->occupants();
    ASSERT_EQ(inside.size(), 2u);
    EXPECT_EQ(inside[0].name, "ping");
    EXPECT_THAT(inside[0].site.file(), EndsWith("scope_test.cpp"));
    EXPECT_EQ(inside[0].site.line(), static_cast<unsigned>(line));
    EXPECT_GE(inside[0].age, inside[1].age);
    EXPECT_THAT(progress(),
                testing::ContainsRegex("^2 inside: ping \\(.* ms, since .*scope_test.cpp:.*\\), pong \\("));
    gate.open();
    EXPECT_EQ(start_dropping(scope), "no error");
    EXPECT_EQ(progress(), "");
}

TEST_F(ScopeTest, NamesOnlyTheOldestOfManyInsideASentence) {
    auto scope = make_scope();
    const auto progress = scope->drop_progress();
    for (int i = 0; i < 8; ++i) scope->spawn("task " + std::to_string(i), passing("x"));
    EXPECT_THAT(progress(), HasSubstr("8 inside: task 0 "));
    EXPECT_THAT(progress(), EndsWith("), and 3 more"));
    gate.open();
    EXPECT_EQ(start_dropping(scope), "no error");
}

TEST_F(ScopeTest, AForgottenScopeIsReportedAndItsTasksAreAskedToCancel) {
    ForgottenRecorder forgotten;
    {
        auto scope = make_scope();
        scope->spawn("a", passing("a"));
        poll();
    }
    ASSERT_EQ(forgotten.entries().size(), 1u);
    EXPECT_EQ(forgotten.entries()[0].type, "asyncdrop::AsyncDropScope");
    EXPECT_EQ(forgotten.entries()[0].reason, asyncdrop::ForgottenReason::forgotten);
    poll();
    EXPECT_TRUE(journal.contains("cancelled a"));
}

TEST_F(ScopeTest, AnErrorThatNobodyJoinedIsPrinted) {
    ForgottenRecorder forgotten;
    PrintedLines printed;
    {
        auto scope = make_scope();
        scope->spawn("a", failing_task("disk full"));
    }
    poll();
    ASSERT_EQ(printed.lines().size(), 1u);
    EXPECT_THAT(printed.lines()[0],
                testing::MatchesRegex("asyncdrop: the task a, started at .*scope_test.cpp:[0-9]+, "
                                      "failed, and nobody joined it: disk full"));
}

TEST_F(ScopeTest, ATaskWhoseContextDiedIsAnError) {
    auto elsewhere = std::make_unique<asio::io_context>();
    auto scope = asyncdrop::AsyncDropScope::create(elsewhere->get_executor());
    scope->spawn("begun", passing("begun"));
    elsewhere->poll();
    scope->spawn("queued", passing("queued"));
    elsewhere.reset();
    try {
        run_coroutine(context, scope.async_drop());
        ADD_FAILURE() << "two tasks were lost silently";
    } catch (const asyncdrop::AsyncDropError& error) {
        EXPECT_THAT(error.what(), HasSubstr("the execution context of the task begun was destroyed"));
        EXPECT_THAT(error.what(), HasSubstr("the execution context of the task queued was destroyed"));
    }
}

TEST_F(ScopeTest, AContextThatDiesWithScopeAndTasksLeavesNothingBehind) {
    ForgottenRecorder forgotten;
    {
        asio::io_context doomed;
        asyncdrop::install(doomed);
        const auto holds = [](asio::io_context& here, Gate& never) -> asio::awaitable<void> {
            auto scope = asyncdrop::AsyncDropScope::create(here.get_executor());
            scope->spawn("waits", never.pass());
            co_await never.pass();
        };
        asio::co_spawn(doomed, holds(doomed, gate), asio::detached);
        doomed.poll();
    }
    ASSERT_EQ(forgotten.entries().size(), 1u);
    EXPECT_EQ(forgotten.entries()[0].reason, asyncdrop::ForgottenReason::context_destroyed);
}

}  // namespace scope_test
