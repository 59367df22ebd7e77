// AsyncDropShared on one thread: who creates, who gets what, who cleans up, and cancellation.

#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/install.hpp>
#include <asyncdrop/shared.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <sstream>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop_shared/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropShared;
using asyncdrop::CreationSite;
using asyncdrop::ForgottenReason;
using test_support::run_coroutine;
using Events = std::vector<std::string>;
using ProbeShared = AsyncDropShared<Probe>;
using ProbeArc = AsyncDropArc<Probe>;

const Events created_and_gone{"create", "drop it", "dropped it", "gone it"};

/// What a waiter in a coroutine of its own gets.
struct Waited {
    std::string outcome;
    ProbeArc arc;
};

asio::awaitable<void> wait_for(asio::awaitable<ProbeArc> getting, Waited& waited) {
    try {
        waited.arc = co_await std::move(getting);
        waited.outcome = waited.arc->name();
    } catch (const std::exception& error) {
        waited.outcome = error.what();
    }
}

class SharedTest : public testing::Test {
  protected:
    asio::awaitable<AsyncDropGuard<Probe>> create_slowly() {
        journal.add("create");
        bool cancelled = false;
        try {
            co_await gate.pass();
        } catch (const boost::system::system_error&) {
            cancelled = true;
            journal.add("cancelled");
        }
        if (cancelled && !finishes_when_cancelled) throw std::runtime_error("cancelled");
        if (fails) throw std::runtime_error("cannot create");
        co_return make_probe(journal, "it", cleanup);
    }
    ProbeShared slow() {
        return ProbeShared::create([this] { return create_slowly(); });
    }
    ProbeShared quick() {
        gate.open();
        return slow();
    }
    void start_waiting(const ProbeShared& shared, Waited& waited) {
        asio::co_spawn(context, wait_for(shared.get(), waited), asio::detached);
        poll();
    }
    void start_cancellable(asio::awaitable<void> coroutine, asio::cancellation_signal& signal) {
        asio::co_spawn(context, std::move(coroutine),
                       asio::bind_cancellation_slot(
                           signal.slot(), [&signal](const std::exception_ptr&) { signal.slot().clear(); }));
        poll();
    }
    std::optional<std::string> start_dropping(ProbeShared& shared) {
        dropped.reset();
        asio::co_spawn(context, shared.async_drop(),
                       [this](const std::exception_ptr& error) { dropped = message_of(error); });
        poll();
        return dropped;
    }
    void poll() {
        context.restart();
        context.poll();
    }
    template <class D>
    void drop(D& droppable) {
        run_coroutine(context, droppable.async_drop());
    }

    Journal journal;
    Gate gate;
    Cleanup cleanup;
    bool fails = false;
    bool finishes_when_cancelled = false;
    std::optional<std::string> dropped;
    asio::io_context context;
};

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

TEST_F(SharedTest, GivesTheErrorOfACreationToEveryWaiterNowAndLater) {
    fails = true;
    auto shared = slow();
    Waited first;
    Waited second;
    start_waiting(shared, first);
    start_waiting(shared, second);
    gate.open();
    poll();
    EXPECT_EQ(first.outcome, "cannot create");
    EXPECT_EQ(second.outcome, "cannot create");
    Waited later;
    start_waiting(shared, later);
    EXPECT_EQ(later.outcome, "cannot create");
    EXPECT_EQ(message_of(shared.peek_error()), "cannot create");
    EXPECT_EQ(shared.peek(), nullptr);
    EXPECT_EQ(start_dropping(shared), "no error");
    EXPECT_EQ(journal.events(), Events{"create"});
}

TEST_F(SharedTest, ACancelledFirstWaiterHurtsNobody) {
    auto shared = slow();
    asio::cancellation_signal signal;
    Waited first;
    Waited second;
    start_cancellable(wait_for(shared.get(), first), signal);
    start_waiting(shared, second);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_NE(first.outcome.find("Operation canceled"), std::string::npos) << first.outcome;
    EXPECT_EQ(second.outcome, "");
    gate.open();
    poll();
    EXPECT_EQ(second.outcome, "it");
    EXPECT_EQ(journal.events(), Events{"create"});
    drop(second.arc);
    drop(shared);
}

TEST_F(SharedTest, TheCreationGoesOnWhenItsOnlyWaiterIsCancelledButAHandleIsLeft) {
    auto shared = slow();
    asio::cancellation_signal signal;
    Waited first;
    start_cancellable(wait_for(shared.get(), first), signal);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_NE(first.outcome, "");
    gate.open();
    poll();
    EXPECT_NE(shared.peek(), nullptr);
    EXPECT_FALSE(journal.contains("cancelled"));
    drop(shared);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, AWaiterThatIsCancelledTooLateGetsTheResource) {
    auto shared = slow();
    asio::cancellation_signal signal;
    Waited first;
    start_cancellable(wait_for(shared.get(), first), signal);
    signal.emit(asio::cancellation_type::terminal);
    gate.open();  // both before the waiter's turn
    poll();
    if (first.arc) {
        EXPECT_EQ(first.outcome, "it");
        drop(first.arc);
    } else {
        EXPECT_NE(first.outcome.find("Operation canceled"), std::string::npos) << first.outcome;
    }
    drop(shared);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, CancelsTheCreationWhenItsOnlyWaiterIsCancelledAndNoHandleIsLeft) {
    auto shared = slow();
    finishes_when_cancelled = true;
    asio::cancellation_signal signal;
    Waited first;
    start_cancellable(wait_for(shared.get(), first), signal);
    EXPECT_EQ(start_dropping(shared), "no error");  // not the last that is interested
    EXPECT_FALSE(journal.contains("cancelled"));
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_EQ(journal.events(), (Events{"create", "cancelled", "drop it", "dropped it", "gone it"}));
}

TEST_F(SharedTest, PrintsTheErrorOfACleanupThatNobodyWaitsForAnyMore) {
    static std::vector<std::string> lines;
    lines.clear();
    const auto before =
        asyncdrop::set_message_sink([](std::string_view line) noexcept { lines.emplace_back(line); });
    auto shared = slow();
    finishes_when_cancelled = true;
    cleanup = failing("disk full");
    asio::cancellation_signal signal;
    Waited first;
    start_cancellable(wait_for(shared.get(), first), signal);
    drop(shared);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    asyncdrop::set_message_sink(before);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0],
              "asyncdrop: the cleanup of a shared Probe that nobody waited for any more failed: disk full");
}

TEST_F(SharedTest, AWaiterKeepsTheCreationAliveWithoutAnyHandle) {
    auto shared = slow();
    Waited first;
    Waited second;
    start_waiting(shared, first);
    start_waiting(shared, second);
    EXPECT_EQ(start_dropping(shared), "no error");
    gate.open();
    poll();
    EXPECT_EQ(first.outcome, "it");
    EXPECT_EQ(second.outcome, "it");
    EXPECT_EQ(first.arc.strong_count(), 2u) << "nothing must be left in the state";
    drop(first.arc);
    drop(second.arc);
    EXPECT_EQ(journal.events(), created_and_gone);
}

class SharedDroppedEarly : public SharedTest {
  protected:
    /// Starts the creation and leaves the handle as the only one that is interested.
    ProbeShared creating() {
        auto shared = slow();
        asio::cancellation_signal signal;
        Waited first;
        start_cancellable(wait_for(shared.get(), first), signal);
        signal.emit(asio::cancellation_type::terminal);
        poll();
        EXPECT_EQ(journal.events(), Events{"create"});
        return shared;
    }
};

TEST_F(SharedDroppedEarly, CancelsTheCreation) {
    auto shared = creating();
    EXPECT_EQ(start_dropping(shared), "no error");
    EXPECT_EQ(journal.events(), (Events{"create", "cancelled"}));
}

TEST_F(SharedDroppedEarly, CleansUpWhatTheCreationMadeNevertheless) {
    finishes_when_cancelled = true;
    auto shared = creating();
    Gate cleaning;
    cleanup = waiting_for(cleaning);
    EXPECT_EQ(start_dropping(shared), std::nullopt);
    EXPECT_EQ(journal.events(), (Events{"create", "cancelled", "drop it"}));
    cleaning.open();
    poll();
    EXPECT_EQ(dropped, "no error");
    EXPECT_EQ(journal.events(), (Events{"create", "cancelled", "drop it", "dropped it", "gone it"}));
}

TEST_F(SharedDroppedEarly, DeliversTheErrorOfThatCleanup) {
    finishes_when_cancelled = true;
    cleanup = failing("disk full");
    auto shared = creating();
    EXPECT_EQ(start_dropping(shared), "disk full");
}

TEST_F(SharedDroppedEarly, DoesNotEvenBeginIfItComesFirst) {
    // The waiter runs on another context, so that the creation is only queued on the test's.
    asio::io_context elsewhere;
    auto shared = ProbeShared::create(context.get_executor(), [this] { return create_slowly(); });
    Waited waited;
    asio::cancellation_signal signal;
    asio::co_spawn(elsewhere, wait_for(shared.get(), waited),
                   asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr&) {}));
    elsewhere.poll();
    run_coroutine(elsewhere, shared.async_drop());
    signal.emit(asio::cancellation_type::terminal);
    elsewhere.restart();
    elsewhere.poll();
    EXPECT_NE(waited.outcome, "");
    signal.slot().clear();
    poll();
    EXPECT_TRUE(journal.events().empty());
}

TEST_F(SharedDroppedEarly, RefusesAWaitThatWasNotBegun) {
    auto shared = slow();
    asio::awaitable<ProbeArc> late = shared.get();
    drop(shared);
    Waited waited;
    run_coroutine(context, wait_for(std::move(late), waited));
    EXPECT_NE(waited.outcome.find("dropped before it was waited for"), std::string::npos) << waited.outcome;
    EXPECT_TRUE(journal.events().empty());
}

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
