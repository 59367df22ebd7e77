// The cancellation shield: cleanup completes, the caller's cancellation stays visible and keeps working.
#include <asyncdrop/even_if_cancelled.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/drop_concurrently.hpp>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/with_async_drop.hpp>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropGuard;
using asyncdrop::even_if_cancelled;
using asyncdrop::make_guard;
using asyncdrop::with_async_drop;
using testing::ElementsAre;

/// Whether the next await of the caller is refused; to be awaited as named object inside a try block.
class Cancellation : public testing::Test {
  protected:
    std::exception_ptr run(std::function<asio::awaitable<void>()> coroutine) {
        cancellable_.spawn(context_, std::move(coroutine));
        return cancellable_.run(context_);
    }
    void spawn(std::function<asio::awaitable<void>()> coroutine) {
        cancellable_.spawn(context_, std::move(coroutine));
    }
    void run_until_cleanup_waits() {
        Cancellable::run_until(context_, [this] { return gate_.waiting(); });
    }

    asio::io_context context_;
    Cancellable cancellable_;
    Gate gate_;
    Journal log_;
};

TEST_F(Cancellation, ANaiveDropIsRefusedAndTheGuardStaysArmed) {
    const auto error = run([&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        cancellable_.cancel();
        std::exception_ptr refused;
        try {
            co_await guard.async_drop();
        } catch (...) {
            refused = std::current_exception();
        }
        EXPECT_TRUE(is_cancellation(refused));
        EXPECT_TRUE(guard);
        EXPECT_TRUE(log_.events().empty());
        co_await even_if_cancelled;
        co_await guard.async_drop();
        EXPECT_TRUE(guard.is_dropped());
    });
    EXPECT_EQ(message(error), "");
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Cancellation, EvenIfCancelledLetsTheDropThroughAndAwaitsThrowAgainAfterwards) {
    bool next_ran = false;
    const auto error = run([&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        cancellable_.cancel();
        co_await even_if_cancelled;
        co_await guard.async_drop();
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        EXPECT_TRUE(is_cancelled(state));
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        EXPECT_TRUE(throws);
        co_await yield();
        next_ran = true;
    });
    EXPECT_TRUE(is_cancellation(error));
    EXPECT_FALSE(next_ran);
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Cancellation, EvenIfCancelledBeforeAFailingDropKeepsErrorAndCancellation) {
    const auto error = run([&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        guard->fail_on_drop();
        cancellable_.cancel();
        co_await even_if_cancelled;
        std::exception_ptr failure;
        try {
            co_await guard.async_drop();
        } catch (...) {
            failure = std::current_exception();
        }
        EXPECT_EQ(message(failure), "a");
        EXPECT_TRUE(guard.is_dropped());
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        EXPECT_TRUE(throws);
        co_await yield();
    });
    EXPECT_TRUE(is_cancellation(error));
}

TEST_F(Cancellation, EvenIfCancelledBeforeADropThatDoesNothingIsUndoneToo) {
    const auto error = run([&]() -> asio::awaitable<void> {
        AsyncDropGuard<Resource> empty;
        auto sync = make_guard<SyncResource>(log_);
        cancellable_.cancel();
        co_await even_if_cancelled;
        co_await empty.async_drop();
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        EXPECT_TRUE(throws);
        co_await even_if_cancelled;
        co_await sync.async_drop();
        co_await yield();
    });
    EXPECT_TRUE(is_cancellation(error));
    EXPECT_THAT(log_.events(), ElementsAre("drop sync"));
}

TEST_F(Cancellation, ASignalDuringTheCleanupDoesNotReachItAndIsNotLost) {
    bool next_ran = false;
    spawn([&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        guard->wait_on_drop(gate_);
        co_await guard.async_drop();
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        EXPECT_TRUE(is_cancelled(state));
        co_await yield();
        next_ran = true;
    });
    run_until_cleanup_waits();
    cancellable_.cancel();
    context_.poll();
    EXPECT_TRUE(gate_.waiting()) << "the cleanup was interrupted";
    EXPECT_FALSE(cancellable_.done());
    gate_.open();
    EXPECT_TRUE(is_cancellation(cancellable_.run(context_)));
    EXPECT_FALSE(next_ran);
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Cancellation, ASignalAfterAShieldedDropStillInterruptsTheCaller) {
    spawn([&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        co_await guard.async_drop();
        co_await gate_.pass();
    });
    run_until_cleanup_waits();
    cancellable_.cancel();
    EXPECT_TRUE(is_cancellation(cancellable_.run(context_)));
}

/// A cleanup that makes a cancellation state of its own, which must not take its caller's away.
class ResetsItsState {
  public:
    ResetsItsState(asyncdrop::Passkey<ResetsItsState>, Gate& gate) : gate_(&gate) {}
    ResetsItsState(ResetsItsState&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() {
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        EXPECT_FALSE(state.slot().is_connected());
        co_await gate_->pass();
        co_await asio::this_coro::reset_cancellation_state();
    }

  private:
    Gate* gate_;
};

TEST_F(Cancellation, ACleanupThatResetsItsStateLeavesItsCallersAlone) {
    bool told = false;
    spawn([&]() -> asio::awaitable<void> {
        auto guard = make_guard<ResetsItsState>(gate_);
        co_await guard.async_drop();
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        told = is_cancelled(state) && state.slot().is_connected();
    });
    run_until_cleanup_waits();
    cancellable_.cancel();
    gate_.open();
    cancellable_.run(context_);
    EXPECT_TRUE(told);
}

TEST_F(Cancellation, NestedDropsInsideACleanupAreShieldedWithIt) {
    struct Composite {
        AsyncDropGuard<Resource> first;
        AsyncDropGuard<Resource> second;
        Composite(AsyncDropGuard<Resource> f, AsyncDropGuard<Resource> s) noexcept
            : first(std::move(f)), second(std::move(s)) {}
        asio::awaitable<void> async_drop_impl() { co_await asyncdrop::drop_in_order(first, second); }
    };
    spawn([&]() -> asio::awaitable<void> {
        auto first = make_guard<Resource>(log_, "a");
        first->wait_on_drop(gate_);
        auto second = make_guard<Resource>(log_, "b");
        auto guard = make_guard<Composite>(std::move(first), std::move(second));
        co_await guard.async_drop();
    });
    run_until_cleanup_waits();
    cancellable_.cancel();
    gate_.open();
    EXPECT_FALSE(cancellable_.run(context_)) << "nothing was awaited after the drop";
    EXPECT_THAT(log_.events(),
                ElementsAre("drop a", "closed a", "destroy a", "drop b", "closed b", "destroy b"));
}

TEST_F(Cancellation, ABoxIsShieldedLikeAGuard) {
    spawn([&]() -> asio::awaitable<void> {
        auto box = asyncdrop::make_box<Resource>(log_, "a");
        box->wait_on_drop(gate_);
        co_await box.async_drop();
        co_await yield();
    });
    run_until_cleanup_waits();
    cancellable_.cancel();
    gate_.open();
    EXPECT_TRUE(is_cancellation(cancellable_.run(context_)));
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Cancellation, BracketInACancelledCoroutineDoesNotEvenStartItsFactory) {
    const auto factory = [&] { return make_guard<Resource>(log_, "a"); };
    const auto body = [](Resource&) {};
    const auto error = run([&]() -> asio::awaitable<void> {
        cancellable_.cancel();
        co_await with_async_drop(factory, body);
    });
    EXPECT_TRUE(is_cancellation(error));
    EXPECT_TRUE(log_.events().empty());
}

TEST_F(Cancellation, BracketOnAnExistingGuardInACancelledCoroutineNeedsEvenIfCancelled) {
    const auto body = [&](Resource&) { log_.add("body"); };
    const auto error = run([&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        cancellable_.cancel();
        std::exception_ptr refused;
        try {
            co_await with_async_drop(guard, body);
        } catch (...) {
            refused = std::current_exception();
        }
        EXPECT_TRUE(is_cancellation(refused));
        EXPECT_TRUE(guard);
        co_await even_if_cancelled;
        co_await with_async_drop(guard, body);
    });
    EXPECT_EQ(message(error), "");
    EXPECT_THAT(log_.events(), ElementsAre("body", "drop a", "closed a", "destroy a"));
}

TEST_F(Cancellation, CancellationDuringTheBodyStillRunsTheCleanup) {
    const auto factory = [&] { return make_guard<Resource>(log_, "a"); };
    const auto body = [&](Resource&) -> asio::awaitable<void> { co_await gate_.pass(); };
    spawn([&]() -> asio::awaitable<void> { co_await with_async_drop(factory, body); });
    run_until_cleanup_waits();  // here the body waits in the gate
    cancellable_.cancel();
    EXPECT_TRUE(is_cancellation(cancellable_.run(context_)));
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Cancellation, CancellationInTheFactoryStillDropsWhatItMade) {
    const auto factory = [&]() -> asio::awaitable<AsyncDropGuard<Resource>> {
        auto guard = make_guard<Resource>(log_, "a");
        cancellable_.cancel();
        co_return guard;
    };
    bool body_ran = false;
    const auto body = [&](Resource&) -> asio::awaitable<void> {
        body_ran = true;
        co_return;
    };
    EXPECT_TRUE(
        is_cancellation(run([&]() -> asio::awaitable<void> { co_await with_async_drop(factory, body); })));
    EXPECT_FALSE(body_ran);
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Cancellation, CancellationDuringABracketsCleanupLetsItsResultThrough) {
    bool got_result = false;
    const auto factory = [&] {
        auto guard = make_guard<Resource>(log_, "a");
        guard->wait_on_drop(gate_);
        return guard;
    };
    const auto body = [](Resource&) { return 42; };
    spawn([&]() -> asio::awaitable<void> {
        const int result = co_await with_async_drop(factory, body);
        got_result = result == 42;
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        EXPECT_TRUE(is_cancelled(state));
        co_await yield();
        ADD_FAILURE() << "the await after the bracket was not refused";
    });
    run_until_cleanup_waits();
    cancellable_.cancel();
    gate_.open();
    EXPECT_TRUE(is_cancellation(cancellable_.run(context_)));
    EXPECT_TRUE(got_result);
}

TEST_F(Cancellation, ACancelledBodyNeverMasksACleanupError) {
    const auto factory = [&] {
        auto guard = make_guard<Resource>(log_, "a");
        guard->fail_on_drop();
        return guard;
    };
    const auto body = [&](Resource&) -> asio::awaitable<void> { co_await gate_.pass(); };
    spawn([&]() -> asio::awaitable<void> { co_await with_async_drop(factory, body); });
    run_until_cleanup_waits();
    cancellable_.cancel();
    const auto error = cancellable_.run(context_);
    try {
        std::rethrow_exception(error);
    } catch (const asyncdrop::AsyncDropError& e) {
        EXPECT_TRUE(is_cancellation(e.primary()));
        ASSERT_EQ(e.suppressed().size(), 1u);
        EXPECT_EQ(message(e.suppressed()[0].error), "a");
    } catch (const std::exception& e) {
        ADD_FAILURE() << "only one error arrived: " << e.what();
    }
}

TEST_F(Cancellation, ABracketLeavesTheFlagThrowIfCancelledAsItWas) {
    const auto factory = [&] { return make_guard<Resource>(log_, "a"); };
    const auto body = [](Resource&) {};
    const auto error = run([&]() -> asio::awaitable<void> {
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await with_async_drop(factory, body);
        const bool off = co_await asio::this_coro::throw_if_cancelled();
        EXPECT_FALSE(off);
        co_await asio::this_coro::throw_if_cancelled(true);
        co_await with_async_drop(factory, body);
        const bool on = co_await asio::this_coro::throw_if_cancelled();
        EXPECT_TRUE(on);
    });
    EXPECT_FALSE(error);
}

/// A factory in two steps; cancelled between them, it drops what the first one made.
class RolledBack : public Cancellation {
  protected:
    asio::awaitable<AsyncDropGuard<Resource>> by_hand() {
        auto first = make_guard<Resource>(log_, "first");
        std::exception_ptr error;
        try {
            cancellable_.cancel();
            co_await yield();
        } catch (...) {
            error = std::current_exception();
        }
        if (error) {
            co_await even_if_cancelled;
            co_await first.async_drop();
            std::rethrow_exception(error);
        }
        co_return first;
    }

    asio::awaitable<AsyncDropGuard<Resource>> by_stack() {
        asyncdrop::AsyncDropStack built;
        const auto build =
            [this](asyncdrop::AsyncDropStack& stack) -> asio::awaitable<AsyncDropGuard<Resource>> {
            auto& first = stack.own(make_guard<Resource>(log_, "first"));
            stack.own(make_guard<Resource>(log_, "second"));
            stack.defer([this]() -> asio::awaitable<void> {
                co_await yield();
                log_.add("callback");
            });
            cancellable_.cancel();
            co_await yield();
            co_return std::move(first);
        };
        co_return co_await with_async_drop(built, build);
    }
};

TEST_F(RolledBack, ByHand) {
    const auto error = run([&]() -> asio::awaitable<void> {
        auto guard = co_await by_hand();
        ADD_FAILURE() << "not reached";
        co_await guard.async_drop();
    });
    EXPECT_TRUE(is_cancellation(error));
    EXPECT_THAT(log_.events(), ElementsAre("drop first", "closed first", "destroy first"));
}

TEST_F(RolledBack, ByAStack) {
    const auto error = run([&]() -> asio::awaitable<void> {
        auto guard = co_await by_stack();
        ADD_FAILURE() << "not reached";
        co_await guard.async_drop();
    });
    EXPECT_TRUE(is_cancellation(error));
    EXPECT_THAT(log_.events(), ElementsAre("callback", "drop second", "closed second", "destroy second",
                                           "drop first", "closed first", "destroy first"));
}

TEST_F(Cancellation, DropInOrderFinishesEveryMemberAlthoughCancelledInTheFirst) {
    spawn([&]() -> asio::awaitable<void> {
        auto a = make_guard<Resource>(log_, "a");
        auto b = make_guard<Resource>(log_, "b");
        a->wait_on_drop(gate_);
        co_await asyncdrop::drop_in_order(a, b);
        co_await yield();
    });
    run_until_cleanup_waits();
    cancellable_.cancel();
    gate_.open();
    EXPECT_TRUE(is_cancellation(cancellable_.run(context_)));
    EXPECT_THAT(log_.events(),
                ElementsAre("drop a", "closed a", "destroy a", "drop b", "closed b", "destroy b"));
}

TEST_F(Cancellation, DropConcurrentlyFinishesEveryMemberAlthoughCancelled) {
    spawn([&]() -> asio::awaitable<void> {
        auto a = make_guard<Resource>(log_, "a");
        auto b = make_guard<Resource>(log_, "b");
        a->wait_on_drop(gate_);
        co_await asyncdrop::drop_concurrently(a, b);
        EXPECT_TRUE(a.is_dropped());
        EXPECT_TRUE(b.is_dropped());
        co_await yield();
    });
    run_until_cleanup_waits();
    cancellable_.cancel();
    context_.poll();
    EXPECT_FALSE(cancellable_.done());
    gate_.open();
    EXPECT_TRUE(is_cancellation(cancellable_.run(context_)));
    EXPECT_THAT(log_.events(), testing::IsSupersetOf({"closed a", "closed b"}));
}

TEST_F(Cancellation, ACancelledCoroutineDropsManyAfterEvenIfCancelled) {
    const auto error = run([&]() -> asio::awaitable<void> {
        auto a = make_guard<Resource>(log_, "a");
        auto b = make_guard<Resource>(log_, "b");
        auto c = make_guard<Resource>(log_, "c");
        auto d = make_guard<Resource>(log_, "d");
        cancellable_.cancel();
        co_await even_if_cancelled;
        co_await asyncdrop::drop_in_order(a, b);
        co_await even_if_cancelled;
        co_await asyncdrop::drop_concurrently(c, d);
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        EXPECT_TRUE(throws);
    });
    EXPECT_FALSE(error);
    EXPECT_THAT(log_.events(), testing::IsSupersetOf({"closed a", "closed b", "closed c", "closed d"}));
}

}  // namespace
}  // namespace asyncdrop_test
