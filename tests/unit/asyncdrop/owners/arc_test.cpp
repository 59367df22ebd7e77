// AsyncDropArc on one thread: sharing, the last owner's cleanup, errors, cancellation, forgotten clones.

#include <asyncdrop/arc.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/detached.hpp>
#include <optional>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropBox;
using asyncdrop::ForgottenReason;
using test_support::run_coroutine;

class Arc : public testing::Test {
  protected:
    AsyncDropArc<Probe> arc(std::string name = "it", Cleanup cleanup = {}) {
        return AsyncDropArc<Probe>(make_probe(journal, std::move(name), std::move(cleanup)));
    }

    /// Starts a coroutine that the test's own signal can cancel; its error ends up in `outcome`.
    void start_cancellable(asio::awaitable<void> coroutine) {
        asio::co_spawn(context, std::move(coroutine),
                       asio::bind_cancellation_slot(signal.slot(), [this](const std::exception_ptr& error) {
                           outcome = message_of(error);
                           signal.slot().clear();
                       }));
    }

    Journal journal;
    std::optional<std::string> outcome;
    asio::io_context context;
    asio::cancellation_signal signal;
};

TEST_F(Arc, GivesAccessToItsResource) {
    auto shared = arc();
    EXPECT_EQ(shared->name(), "it");
    (*shared).value = 7;
    const auto& constant = shared;
    EXPECT_EQ(constant->value, 7);
    EXPECT_TRUE(static_cast<bool>(shared));
    run_coroutine(context, shared.async_drop());
    EXPECT_FALSE(static_cast<bool>(shared));
}

TEST_F(Arc, ClonesShareOneResource) {
    auto first = arc();
    EXPECT_EQ(first.strong_count(), 1u);
    auto second = first.clone();
    EXPECT_EQ(first.strong_count(), 2u);
    EXPECT_TRUE(ptr_eq(first, second));
    second->value = 3;
    EXPECT_EQ(first->value, 3);
    auto other = arc("other");
    EXPECT_FALSE(ptr_eq(first, other));
    run_coroutine(context, second.async_drop());
    EXPECT_EQ(first.strong_count(), 1u);
    run_coroutine(context, first.async_drop());
    run_coroutine(context, other.async_drop());
}

TEST_F(Arc, CleansUpOnlyWhenTheLastOfThreeIsDropped) {
    auto a = arc();
    auto b = a.clone();
    auto c = b.clone();
    run_coroutine(context, a.async_drop());
    run_coroutine(context, c.async_drop());
    EXPECT_TRUE(journal.events().empty());
    run_coroutine(context, b.async_drop());
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"drop it", "dropped it", "gone it"}));
}

TEST_F(Arc, SharesAnAbstractTypeThatCameInABox) {
    AsyncDropBox<ProbeBase> box(asyncdrop::make_box<Probe>(journal, "it", Cleanup{}));
    AsyncDropArc<ProbeBase> a(std::move(box));
    EXPECT_FALSE(static_cast<bool>(box));
    auto b = a.clone();
    EXPECT_EQ(b->name(), "it");
    run_coroutine(context, a.async_drop());
    run_coroutine(context, b.async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(Arc, GivesItsResourceBackToASingleOwner) {
    auto only = arc();
    std::optional<AsyncDropBox<Probe>> inner = only.into_inner();
    ASSERT_TRUE(inner.has_value());
    EXPECT_FALSE(static_cast<bool>(only));
    EXPECT_TRUE(journal.events().empty());
    run_coroutine(context, inner->async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(Arc, KeepsItsResourceWhenThereAreSeveralOwners) {
    auto a = arc();
    auto b = a.clone();
    EXPECT_FALSE(a.into_inner().has_value());
    EXPECT_EQ(a.strong_count(), 2u);
    run_coroutine(context, a.async_drop());
    run_coroutine(context, b.async_drop());
}

TEST_F(Arc, KeepsItsResourceWhileSomebodyWaitsForItsEnd) {
    auto a = arc();
    auto b = a.clone();
    asio::co_spawn(context, b.async_drop_and_wait(), asio::detached);
    context.poll();
    EXPECT_EQ(a.strong_count(), 1u);
    EXPECT_FALSE(a.into_inner().has_value());
    run_coroutine(context, a.async_drop());
    context.restart();
    context.run();
}

TEST_F(Arc, ReleasesAShareWithoutACoroutineUnlessItIsTheLast) {
    auto a = arc();
    auto b = a.clone();
    EXPECT_TRUE(a.try_release());
    EXPECT_TRUE(a.is_dropped());
    EXPECT_FALSE(b.try_release());
    EXPECT_FALSE(b.is_dropped());
    EXPECT_FALSE(a.try_release());
    run_coroutine(context, b.async_drop());
}

TEST_F(Arc, DroppingTwiceDoesNothing) {
    auto a = arc();
    run_coroutine(context, a.async_drop());
    run_coroutine(context, a.async_drop());
    run_coroutine(context, a.async_drop_and_wait());
    EXPECT_EQ(journal.events().size(), 3u);
    AsyncDropArc<Probe> empty;
    run_coroutine(context, empty.async_drop());
    EXPECT_FALSE(empty.is_dropped());
}

TEST_F(Arc, TellsTheCleanupsErrorToTheLastOwnerOnly) {
    auto a = arc("it", failing("disk full"));
    auto b = a.clone();
    EXPECT_EQ(run_coroutine(context, outcome_of(a.async_drop())), "no error");
    EXPECT_EQ(run_coroutine(context, outcome_of(b.async_drop())), "disk full");
    EXPECT_TRUE(journal.contains("gone it"));
    EXPECT_TRUE(b.is_dropped());
}

TEST_F(Arc, WaitsForTheEndOfTheCleanupAndGetsItsError) {
    Gate gate;
    auto a = arc("it", [&]() -> asio::awaitable<void> {
        co_await gate.pass();
        throw std::runtime_error("disk full");
    });
    auto b = a.clone();
    auto c = a.clone();
    std::vector<std::string> outcomes;
    for (auto* waiter : {&a, &b}) {
        asio::co_spawn(context, waiter->async_drop_and_wait(),
                       [&](const std::exception_ptr& error) { outcomes.push_back(message_of(error)); });
    }
    asio::co_spawn(context, c.async_drop(),
                   [&](const std::exception_ptr& error) { outcomes.push_back(message_of(error)); });
    context.poll();
    EXPECT_TRUE(journal.contains("drop it"));
    EXPECT_TRUE(outcomes.empty());
    gate.open();
    context.run();
    EXPECT_EQ(outcomes, (std::vector<std::string>{"disk full", "disk full", "disk full"}));
}

TEST_F(Arc, StaysOwnedWhenACancelledCoroutineTriesToDropIt) {
    auto shared = arc();
    const auto body = [&]() -> asio::awaitable<void> {
        co_await let_others_run();  // Asio throws out of run() if a cancelled stack ends that never waited
        signal.emit(asio::cancellation_type::terminal);
        std::string first;
        try {
            co_await shared.async_drop();
        } catch (const std::exception& error) {
            first = error.what();
        }
        EXPECT_FALSE(first.empty());
        EXPECT_TRUE(static_cast<bool>(shared));
        EXPECT_FALSE(journal.contains("drop it"));
        co_await asyncdrop::even_if_cancelled;
        co_await shared.async_drop();
        EXPECT_TRUE(journal.contains("dropped it"));
        co_await let_others_run();
        ADD_FAILURE() << "the coroutine is still cancelled, this await must throw";
    };
    start_cancellable(body());
    context.run();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_NE(*outcome, "no error");
}

TEST_F(Arc, FinishesItsCleanupAlthoughTheOwnerIsCancelledMeanwhile) {
    Gate gate;
    auto shared = arc("it", waiting_for(gate));
    start_cancellable(shared.async_drop());
    context.poll();
    EXPECT_TRUE(journal.contains("drop it"));
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_FALSE(outcome.has_value());
    gate.open();
    context.run();
    EXPECT_EQ(outcome, "no error");
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(Arc, KeepsWaitingForTheEndAlthoughCancelled) {
    auto a = arc();
    auto b = a.clone();
    start_cancellable(a.async_drop_and_wait());
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_FALSE(outcome.has_value());
    asio::co_spawn(context, b.async_drop(), asio::detached);
    context.run();
    EXPECT_EQ(outcome, "no error");
}

TEST_F(Arc, ReportsAForgottenCloneWithItsOwnPlace) {
    const ForgottenRecorder recorder;
    auto a = arc();
    {
        auto forgotten = a.clone(asyncdrop::CreationSite("clone.cpp", 12));
    }
    ASSERT_EQ(recorder.entries().size(), 1u);
    EXPECT_EQ(recorder.entries()[0].site.line(), 12u);
    EXPECT_STREQ(recorder.entries()[0].site.file(), "clone.cpp");
    EXPECT_EQ(recorder.entries()[0].reason, ForgottenReason::forgotten);
    EXPECT_EQ(a.strong_count(), 1u);
    run_coroutine(context, a.async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(Arc, ReportsAForgottenLastOwnerOnce) {
    const ForgottenRecorder recorder;
    {
        auto a = arc();
    }
    EXPECT_EQ(recorder.entries().size(), 1u);
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"gone it"}));
}

TEST_F(Arc, WakesWhoWaitsForAnOwnerThatWasForgotten) {
    const ForgottenRecorder recorder;
    std::string error;
    {
        auto a = arc();
        auto b = a.clone();
        asio::co_spawn(context, b.async_drop_and_wait(),
                       [&](const std::exception_ptr& e) { error = message_of(e); });
        context.poll();
    }
    context.run();
    EXPECT_NE(error.find("abandoned"), std::string::npos) << error;
}

TEST_F(Arc, ReportsARefusedDropAsSuch) {
    const ForgottenRecorder recorder;
    const auto body = [&]() -> asio::awaitable<void> {
        auto shared = arc();
        // Asio 1.81 throws out of run() if a coroutine ends cancelled before its first suspension.
        co_await let_others_run();
        signal.emit(asio::cancellation_type::terminal);
        co_await shared.async_drop();
    };
    start_cancellable(body());
    context.run();
    ASSERT_EQ(recorder.entries().size(), 1u);
    EXPECT_EQ(recorder.entries()[0].reason, ForgottenReason::refused_by_cancellation);
}

TEST_F(Arc, TellsItsWaitersWhenTheCleanersContextDies) {
    const ForgottenRecorder recorder;
    Gate gate;
    std::string error;
    auto a = arc("it", waiting_for(gate));
    auto b = a.clone();
    asio::co_spawn(context, a.async_drop_and_wait(),
                   [&](const std::exception_ptr& e) { error = message_of(e); });
    context.poll();
    {
        asio::io_context dying;
        asio::co_spawn(dying, b.async_drop(), asio::detached);
        dying.poll();
        EXPECT_TRUE(journal.contains("drop it"));
    }
    context.run();
    EXPECT_NE(error.find("abandoned"), std::string::npos) << error;
    EXPECT_FALSE(journal.contains("dropped it"));
    ASSERT_FALSE(recorder.entries().empty());
    EXPECT_EQ(recorder.entries()[0].reason, ForgottenReason::cleanup_abandoned);
}

TEST_F(Arc, MovesAndSwapsLikeAHandle) {
    auto a = arc("a");
    auto b = arc("b");
    swap(a, b);
    EXPECT_EQ(a->name(), "b");
    AsyncDropArc<Probe> moved = std::move(a);
    EXPECT_FALSE(static_cast<bool>(a));
    a = std::move(moved);
    EXPECT_EQ(a->name(), "b");
    run_coroutine(context, a.async_drop());
    run_coroutine(context, b.async_drop());
}

using ArcDeathTest = Arc;

TEST_F(ArcDeathTest, AbortsWhenAnOwnerIsForgotten) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH({ auto a = arc(); }, "Forgot to call async_drop on .*AsyncDropArc<Probe>.*arc_test.cpp");
}

TEST_F(ArcDeathTest, AbortsWhenUsedAfterItsDrop) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto a = arc();
    run_coroutine(context, a.async_drop());
    EXPECT_DEATH((void)a->name(), "used after its async_drop");
    EXPECT_DEATH((void)a.clone(), "used after its async_drop");
}

TEST_F(ArcDeathTest, AbortsWhenAssignedOverAnOwner) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto a = arc();
    EXPECT_DEATH(a = arc(), "assigned over an Arc");
    run_coroutine(context, a.async_drop());
}

}  // namespace
