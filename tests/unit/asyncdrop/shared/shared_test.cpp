// AsyncDropShared: who creates, who gets what, who cleans up.

#include <gtest/gtest.h>

#include <boost/asio/thread_pool.hpp>
#include <sstream>

#include "tests/unit/asyncdrop/shared/shared_fixture.hpp"

namespace {

using namespace shared_test;

TEST_F(SharedTest, CleansUpWhenTheHandleIsDroppedAfterTheResult) {
    auto shared = quick();
    ProbeArc result = run_coroutine(context, shared.get());
    EXPECT_EQ(result->name(), "it");
    drop(result);
    EXPECT_FALSE(journal.contains("drop it"));
    drop(shared);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, CleansUpWhenTheResultIsDroppedAfterTheHandle) {
    auto shared = quick();
    ProbeArc result = run_coroutine(context, shared.get());
    drop(shared);
    EXPECT_FALSE(journal.contains("drop it"));
    EXPECT_EQ(result->name(), "it");
    drop(result);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, DrivesTheCreationToItsEndWhileSomebodyWaits) {
    auto shared = slow();
    Waited waited;
    start_waiting(shared, waited);
    EXPECT_EQ(journal.events(), Events{"create"});
    EXPECT_EQ(waited.outcome, "");
    gate.open();
    poll();
    EXPECT_EQ(waited.outcome, "it");
    drop(waited.arc);
    drop(shared);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, ACloneGivesTheResourceToo) {
    auto shared = quick();
    auto clone = shared.clone();
    ProbeArc result = run_coroutine(context, clone.get());
    EXPECT_EQ(result->name(), "it");
    drop(result);
    drop(shared);
    EXPECT_FALSE(journal.contains("drop it"));
    drop(clone);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, GivesTheSameResourceToSeveralClonesAndCreatesItOnce) {
    auto shared = slow();
    auto second = shared.clone();
    auto third = second.clone();
    Waited waited[3];
    start_waiting(shared, waited[0]);
    start_waiting(second, waited[1]);
    start_waiting(third, waited[2]);
    gate.open();
    poll();
    for (Waited& one : waited) {
        EXPECT_EQ(one.outcome, "it");
        EXPECT_TRUE(ptr_eq(one.arc, waited[0].arc));
    }
    EXPECT_EQ(journal.events(), Events{"create"});
    for (Waited& one : waited) drop(one.arc);
    drop(shared);
    drop(second);
    EXPECT_FALSE(journal.contains("drop it"));
    drop(third);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, ShowsTheResourceOnceItExists) {
    auto shared = quick();
    EXPECT_EQ(shared.peek(), nullptr);
    ProbeArc result = run_coroutine(context, shared.get());
    const ProbeArc* const seen = shared.peek();
    ASSERT_NE(seen, nullptr);
    EXPECT_TRUE(ptr_eq(*seen, result));
    EXPECT_EQ((*seen)->name(), "it");
    EXPECT_EQ(shared.peek_error(), nullptr);
    drop(result);
    drop(shared);
}

TEST_F(SharedTest, CountsItsHandles) {
    auto shared = quick();
    EXPECT_EQ(shared.strong_count(), 1u);
    auto clone = shared.clone();
    EXPECT_EQ(shared.strong_count(), 2u);
    ProbeArc result = run_coroutine(context, shared.get());
    EXPECT_EQ(clone.strong_count(), 2u);
    drop(clone);
    EXPECT_EQ(clone.strong_count(), 0u);
    EXPECT_EQ(shared.strong_count(), 1u);
    drop(shared);
    drop(result);
}

TEST_F(SharedTest, KnowsWhetherTwoHandlesShareACreation) {
    auto shared = quick();
    auto clone = shared.clone();
    auto other = quick();
    EXPECT_TRUE(ptr_eq(shared, clone));
    EXPECT_FALSE(ptr_eq(shared, other));
    drop(shared);
    drop(clone);
    drop(other);
}

TEST_F(SharedTest, HashesByTheCreationItShares) {
    auto shared = quick();
    auto clone = shared.clone();
    auto other = quick();
    EXPECT_EQ(ptr_hash(shared), ptr_hash(clone));
    EXPECT_NE(ptr_hash(shared), ptr_hash(other));
    drop(shared);
    drop(clone);
    drop(other);
}

TEST_F(SharedTest, DroppingTheHandlesLeavesTheResourceToTheLastResult) {
    auto shared = quick();
    ProbeArc first = run_coroutine(context, shared.get());
    ProbeArc second = run_coroutine(context, shared.get());
    drop(shared);
    drop(first);
    EXPECT_FALSE(journal.contains("drop it"));
    drop(second);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, CreatesNothingIfNobodyEverAsks) {
    auto shared = quick();
    drop(shared);
    EXPECT_TRUE(journal.events().empty());
    EXPECT_TRUE(shared.is_dropped());
}

TEST_F(SharedTest, ACloneMadeAfterTheCreationGivesTheSameResource) {
    auto shared = quick();
    ProbeArc first = run_coroutine(context, shared.get());
    auto clone = shared.clone();
    ProbeArc second = run_coroutine(context, clone.get());
    EXPECT_TRUE(ptr_eq(first, second));
    EXPECT_EQ(journal.events(), Events{"create"});
    drop(first);
    drop(second);
    drop(shared);
    drop(clone);
}

TEST_F(SharedTest, MayBeAskedAnyNumberOfTimes) {
    auto shared = quick();
    for (int i = 0; i < 5; ++i) {
        ProbeArc result = run_coroutine(context, shared.get());
        EXPECT_EQ(result->name(), "it");
        drop(result);
    }
    EXPECT_EQ(journal.events(), Events{"create"});
    drop(shared);
}

TEST_F(SharedTest, DescribesItselfForPeople) {
    const auto text = [](const ProbeShared& shared) {
        std::ostringstream out;
        out << shared;
        return out.str();
    };
    EXPECT_EQ(text(ProbeShared()), "AsyncDropShared<Probe>(empty)");
    auto shared = slow();
    EXPECT_EQ(text(shared), "AsyncDropShared<Probe>(not begun, 1 handle)");
    Waited waited;
    start_waiting(shared, waited);
    auto clone = shared.clone();
    EXPECT_EQ(text(shared), "AsyncDropShared<Probe>(creating, 2 handles)");
    gate.open();
    poll();
    EXPECT_EQ(text(shared), "AsyncDropShared<Probe>(ready, 2 handles)");
    drop(waited.arc);
    drop(shared);
    drop(clone);
    EXPECT_EQ(text(shared), "AsyncDropShared<Probe>(dropped)");
    fails = true;
    auto failing = slow();
    start_waiting(failing, waited);
    EXPECT_EQ(text(failing), "AsyncDropShared<Probe>(failed, 1 handle)");
    drop(failing);
}

TEST_F(SharedTest, TakesAResourceThatExists) {
    auto from_guard = ProbeShared::ready(make_probe(journal, "guard"));
    auto from_box = AsyncDropShared<ProbeBase>::ready(
        AsyncDropBox<ProbeBase>(asyncdrop::make_box<Probe>(journal, "box", Cleanup{})));
    ProbeArc arc(make_probe(journal, "arc"));
    auto from_arc = ProbeShared::ready(arc.clone());
    ASSERT_NE(from_guard.peek(), nullptr);
    ProbeArc result = run_coroutine(context, from_guard.get());
    EXPECT_EQ(result->name(), "guard");
    EXPECT_EQ((*from_box.peek())->name(), "box");
    EXPECT_TRUE(ptr_eq(*from_arc.peek(), arc));
    drop(result);
    drop(from_guard);
    drop(from_box);
    drop(from_arc);
    EXPECT_TRUE(journal.contains("dropped guard"));
    EXPECT_TRUE(journal.contains("dropped box"));
    EXPECT_FALSE(journal.contains("dropped arc"));
    drop(arc);
}

TEST_F(SharedTest, TakesAPlainFunctionAsCreation) {
    const auto make = [this] { return make_probe(journal, "it"); };
    auto shared = ProbeShared::create(context.get_executor(), make);
    ProbeArc result = run_coroutine(context, shared.get());
    EXPECT_EQ(result->name(), "it");
    drop(shared);
    drop(result);
}

TEST_F(SharedTest, CreatesOnTheExecutorItWasGiven) {
    asio::thread_pool pool(1);
    std::thread::id thread;
    const auto make = [&] {
        thread = std::this_thread::get_id();
        return make_probe(journal, "it");
    };
    auto shared = ProbeShared::create(pool.get_executor(), make);
    ProbeArc result = run_coroutine(context, shared.get());
    EXPECT_TRUE(thread != std::this_thread::get_id());
    EXPECT_TRUE(thread != std::thread::id());
    drop(shared);
    drop(result);
}

}  // namespace
