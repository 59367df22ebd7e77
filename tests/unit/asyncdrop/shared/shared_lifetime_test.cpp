// AsyncDropShared: handles that move, are forgotten, misused or outlive their context.

#include <gtest/gtest.h>

#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/install.hpp>
#include <optional>

#include "tests/unit/asyncdrop/shared/shared_fixture.hpp"

namespace {

using namespace shared_test;

TEST_F(SharedTest, DropsUnderEvenIfCancelled) {
    cleanup = [] { return let_others_run(); };
    auto shared = quick();
    ProbeArc result = run_coroutine(context, shared.get());
    drop(result);
    asio::cancellation_signal signal;
    bool still_cancelled = false;
    const auto body = [&]() -> asio::awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);  // cancelled meanwhile
        co_await asyncdrop::even_if_cancelled;
        co_await shared.async_drop();
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        still_cancelled = state.cancelled() != asio::cancellation_type::none;
    };
    asio::co_spawn(context, body(), asio::bind_cancellation_slot(signal.slot(), asio::detached));
    asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
    poll();
    signal.slot().clear();
    EXPECT_TRUE(still_cancelled);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, ReleasesAShareWithoutACoroutineUnlessItIsTheLast) {
    auto shared = quick();
    auto clone = shared.clone();
    EXPECT_TRUE(clone.try_release());
    EXPECT_TRUE(clone.is_dropped());
    EXPECT_FALSE(clone.try_release());
    EXPECT_FALSE(shared.try_release());
    drop(shared);
    drop(shared);  // twice does nothing
    drop(clone);
    ProbeShared empty;
    drop(empty);
    EXPECT_FALSE(empty.is_dropped());
}

TEST_F(SharedTest, MovesAndSwaps) {
    auto a = quick();
    ProbeShared b = std::move(a);
    EXPECT_FALSE(static_cast<bool>(a));
    a = std::move(b);
    EXPECT_TRUE(static_cast<bool>(a));
    swap(a, b);
    EXPECT_TRUE(static_cast<bool>(b));
    drop(b);
}

TEST_F(SharedTest, IsReportedLikeAnyGuardWhenItIsForgotten) {
    ForgottenRecorder recorder;
    {
        auto shared = ProbeShared::create([this] { return create_slowly(); }, CreationSite("main.cpp", 12));
        gate.open();
        ProbeArc result = run_coroutine(context, shared.get());
        drop(result);
    }
    ASSERT_EQ(recorder.entries().size(), 1u);
    EXPECT_NE(recorder.entries()[0].type.find("AsyncDropShared"), std::string::npos);
    EXPECT_EQ(recorder.entries()[0].site.line(), 12u);
    EXPECT_EQ(recorder.entries()[0].reason, ForgottenReason::forgotten);
    EXPECT_EQ(journal.events(), (Events{"create", "gone it"}));
}

TEST_F(SharedTest, AForgottenHandleStillCancelsItsCreationAndCleansUp) {
    ForgottenRecorder recorder;
    finishes_when_cancelled = true;
    {
        auto shared = slow();
        asio::cancellation_signal signal;
        Waited first;
        start_cancellable(wait_for(shared.get(), first), signal);
        signal.emit(asio::cancellation_type::terminal);
        poll();
    }
    poll();
    EXPECT_EQ(recorder.entries().size(), 1u);
    EXPECT_EQ(journal.events(), (Events{"create", "cancelled", "drop it", "dropped it", "gone it"}));
}

TEST_F(SharedTest, TellsEverybodyWhenTheContextOfTheCreationDies) {
    auto creator = std::make_unique<asio::io_context>();
    asyncdrop::install(*creator);
    auto shared = ProbeShared::create(creator->get_executor(), [this] { return create_slowly(); });
    Waited waited;
    start_waiting(shared, waited);
    creator->poll();
    EXPECT_EQ(journal.events(), Events{"create"});
    creator.reset();
    poll();
    EXPECT_NE(waited.outcome.find("abandoned"), std::string::npos) << waited.outcome;
    drop(shared);
}

TEST_F(SharedTest, SurvivesTheDeathOfTheContextThatEverythingRunsOn) {
    ForgottenRecorder recorder;
    auto all = std::make_unique<asio::io_context>();
    asyncdrop::install(*all);
    Waited waited;
    {
        auto shared = slow();
        asio::co_spawn(*all, wait_for(shared.get(), waited), asio::detached);
        all->poll();
        asio::co_spawn(*all, shared.async_drop(), asio::detached);
        all->poll();
        EXPECT_TRUE(shared.is_dropped());
    }
    EXPECT_EQ(journal.events(), Events{"create"});
    all.reset();  // a waiter and the creation die in whatever order
    EXPECT_EQ(waited.outcome, "");
    EXPECT_TRUE(recorder.entries().empty());
}

TEST_F(SharedTest, RefusesMisuseWithASentence) {
    ProbeShared empty;
    EXPECT_DEATH((void)empty.peek(), "an empty AsyncDropShared was used");
    EXPECT_DEATH((void)ProbeShared::ready(AsyncDropGuard<Probe>()), "made of an empty guard");
    auto a = quick();
    auto b = quick();
    EXPECT_DEATH(a = std::move(b), "assigned over one that has not been dropped");
    drop(a);
    drop(b);
    EXPECT_DEATH((void)a.get(), "used after its async_drop");
    auto hollow = ProbeShared::create([] { return AsyncDropGuard<Probe>(); });
    EXPECT_DEATH((void)run_coroutine(context, hollow.get()),
                 "creation of an AsyncDropShared returned an empty guard");
    drop(hollow);
}

}  // namespace
