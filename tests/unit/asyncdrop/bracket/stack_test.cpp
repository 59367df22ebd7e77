// AsyncDropStack: reverse order, rollback, release.
#include <asyncdrop/stack.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/with_async_drop.hpp>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropError;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropStack;
using asyncdrop::make_guard;
using test_support::run_coroutine;
using testing::ElementsAre;

class Stack : public testing::Test {
  protected:
    asio::awaitable<void> note(std::string text) {
        co_await yield();
        log_.add(text);
    }

    asio::io_context context_;
    Journal log_;
    AsyncDropStack stack_;
};
using StackDeathTest = Stack;

TEST_F(Stack, DropsGuardsAndCallbacksLastInFirstOut) {
    auto watched = make_guard<Resource>(log_, "watched");
    stack_.own(make_guard<Resource>(log_, "owned"));
    stack_.defer([this]() noexcept { log_.add("plain callback"); });
    stack_.watch(watched);
    stack_.defer([this] { return note("callback"); });
    stack_.own(asyncdrop::make_box<Resource>(log_, "box"));
    EXPECT_EQ(stack_.size(), 5u);
    run_coroutine(context_, stack_.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop box", "closed box", "destroy box", "callback",
                                           "drop watched", "closed watched", "destroy watched",
                                           "plain callback", "drop owned", "closed owned", "destroy owned"));
    EXPECT_TRUE(stack_.is_dropped());
    EXPECT_TRUE(watched.is_dropped());
}

TEST_F(Stack, AFailingEntryNeverLeavesAnotherUndropped) {
    auto& first = stack_.own(make_guard<Resource>(log_, "first"));
    first->fail_on_drop();
    stack_.own(make_guard<Resource>(log_, "second"));
    stack_.defer([]() -> asio::awaitable<void> {
        co_await yield();
        throw Failure("callback");
    });
    try {
        run_coroutine(context_, stack_.async_drop());
        ADD_FAILURE() << "no error";
    } catch (const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "callback");
        ASSERT_EQ(e.suppressed().size(), 1u);
        EXPECT_EQ(message(e.suppressed()[0].error), "first");
    }
    EXPECT_THAT(log_.events(),
                ElementsAre("drop second", "closed second", "destroy second", "drop first", "destroy first"));
}

TEST_F(Stack, CanBeUsedAgainAfterADrop) {
    stack_.own(make_guard<Resource>(log_, "a"));
    run_coroutine(context_, stack_.async_drop());
    run_coroutine(context_, stack_.async_drop());
    stack_.own(make_guard<Resource>(log_, "b"));
    run_coroutine(context_, stack_.async_drop());
    EXPECT_THAT(log_.events(),
                ElementsAre("drop a", "closed a", "destroy a", "drop b", "closed b", "destroy b"));
}

TEST_F(Stack, AGuardThatWasMovedOutIsTheCallersAgain) {
    auto& owned = stack_.own(make_guard<Resource>(log_, "a"));
    AsyncDropGuard<Resource> mine = std::move(owned);
    run_coroutine(context_, stack_.async_drop());
    EXPECT_TRUE(log_.events().empty());
    run_coroutine(context_, mine.async_drop());
}

TEST_F(Stack, ReleaseForgetsCallbacksAndWatchedGuards) {
    auto watched = make_guard<Resource>(log_, "watched");
    stack_.watch(watched);
    stack_.defer([this]() noexcept { log_.add("callback"); });
    auto& owned = stack_.own(make_guard<Resource>(log_, "owned"));
    AsyncDropGuard<Resource> mine = std::move(owned);
    stack_.release();
    EXPECT_TRUE(stack_.is_dropped());
    EXPECT_TRUE(log_.events().empty());
    run_coroutine(context_, stack_.async_drop());
    run_coroutine(context_, watched.async_drop());
    run_coroutine(context_, mine.async_drop());
}

TEST_F(StackDeathTest, ReleasingAStackThatOwnsALiveGuardIsAMisuse) {
    auto& owned = stack_.own(make_guard<Resource>(log_, "owned"));
    EXPECT_DEATH(stack_.release(), "a stack was released while it owns a guard that has not been dropped");
    run_coroutine(context_, owned.async_drop());
}

TEST_F(Stack, AForgottenStackReportsItsEntriesInReverse) {
    RecordForgotten forgotten;
    {
        AsyncDropStack local;
        local.own(make_guard<Resource>(log_, "a"));
        local.defer([]() noexcept {});
    }
    ASSERT_EQ(forgotten.reports().size(), 2u);
    EXPECT_EQ(forgotten.reports()[0].name, "cleanup callback");
    EXPECT_EQ(forgotten.reports()[1].type, "asyncdrop_test::Resource");
}

TEST_F(Stack, MovingTakesTheEntriesAlong) {
    stack_.own(make_guard<Resource>(log_, "a"));
    AsyncDropStack other = std::move(stack_);
    EXPECT_EQ(stack_.size(), 0u);  // NOLINT: the moved-from stack is empty
    run_coroutine(context_, other.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Stack, HoldsManyEntries) {
    for (int i = 0; i < 100; ++i) stack_.defer([this, i]() noexcept { log_.add(std::to_string(i)); });
    run_coroutine(context_, stack_.async_drop());
    ASSERT_EQ(log_.events().size(), 100u);
    EXPECT_EQ(log_.events().front(), "99");
    EXPECT_EQ(log_.events().back(), "0");
}

/// Something built in two steps from parts that the finished thing owns.
struct System {
    System(AsyncDropGuard<Resource> d, AsyncDropGuard<Resource> c) noexcept
        : database(std::move(d)), cache(std::move(c)) {}
    asio::awaitable<void> async_drop_impl() {
        co_await cache.async_drop();
        co_await database.async_drop();
    }
    AsyncDropGuard<Resource> database;
    AsyncDropGuard<Resource> cache;
};

class Rollback : public Stack {
  protected:
    asio::awaitable<AsyncDropGuard<System>> build(bool fail) {
        AsyncDropStack built;
        const auto steps = [this, fail](AsyncDropStack& stack) -> asio::awaitable<AsyncDropGuard<System>> {
            auto& database = stack.own(make_guard<Resource>(log_, "database"));
            co_await yield();
            if (fail) throw Failure("cache");
            auto cache = make_guard<Resource>(log_, "cache");
            co_return make_guard<System>(std::move(database), std::move(cache));
        };
        co_return co_await asyncdrop::with_async_drop(built, steps);
    }
};

TEST_F(Rollback, SuccessHandsTheFinishedThingOver) {
    auto system = run_coroutine(context_, build(false));
    EXPECT_TRUE(log_.events().empty());
    run_coroutine(context_, system.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop cache", "closed cache", "destroy cache", "drop database",
                                           "closed database", "destroy database"));
}

TEST_F(Rollback, FailureDropsWhatWasBuilt) {
    EXPECT_THROW((void)run_coroutine(context_, build(true)), Failure);
    EXPECT_THAT(log_.events(), ElementsAre("drop database", "closed database", "destroy database"));
}

}  // namespace
}  // namespace asyncdrop_test
