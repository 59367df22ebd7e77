// AsyncDropMutex on one thread: exclusion, order, cancellation, closing.

#include <asyncdrop/mutex.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/detached.hpp>
#include <deque>
#include <optional>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropMutex;
using asyncdrop::MutexClosed;
using test_support::run_coroutine;
using ProbeMutex = AsyncDropMutex<Probe>;

class Mutex : public testing::Test {
  protected:
    AsyncDropGuard<ProbeMutex> mutex(Cleanup cleanup = {}) {
        return ProbeMutex::create(make_probe(journal, "it", std::move(cleanup)));
    }

    static asio::awaitable<void> lock_and_note(const ProbeMutex& mutex, Journal& journal, std::string name) {
        try {
            auto lock = co_await mutex.lock();
            journal.add(name + " inside");
            co_await let_others_run();
            journal.add(name + " leaves");
        } catch (const MutexClosed&) {
            journal.add(name + " closed");
        }
    }

    Journal journal;
    asio::io_context context;
};

TEST_F(Mutex, LetsItsHolderChangeTheValue) {
    auto guarded = mutex();
    run_coroutine(context, [&]() -> asio::awaitable<void> {
        {
            auto lock = co_await guarded->lock();
            lock->value = 5;
        }
        auto lock = co_await guarded->lock();
        EXPECT_EQ((*lock).value, 5);
    });
    run_coroutine(context, guarded.async_drop());
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"drop it", "dropped it", "gone it"}));
}

TEST_F(Mutex, TriesWithoutWaiting) {
    auto guarded = mutex();
    {
        std::optional<ProbeMutex::Lock> lock = guarded->try_lock();
        ASSERT_TRUE(lock.has_value());
        EXPECT_FALSE(guarded->try_lock().has_value());
        lock->unlock();
        EXPECT_FALSE(static_cast<bool>(*lock));
        EXPECT_TRUE(guarded->try_lock().has_value());
        lock->unlock();  // nothing held, nothing happens
    }
    EXPECT_TRUE(guarded->try_lock().has_value());
    run_coroutine(context, guarded.async_drop());
}

TEST_F(Mutex, ServesInTheOrderOfArrival) {
    auto guarded = mutex();
    std::vector<std::string> expected;
    for (const char* name : {"a", "b", "c", "d"}) {
        asio::co_spawn(context, lock_and_note(*guarded, journal, name), asio::detached);
        expected.push_back(std::string(name) + " inside");
        expected.push_back(std::string(name) + " leaves");
    }
    context.run();
    EXPECT_EQ(journal.events(), expected);
    run_coroutine(context, guarded.async_drop());
}

TEST_F(Mutex, NobodyOvertakesAWaiterThatHasBeenChosen) {
    auto guarded = mutex();
    auto held = guarded->try_lock();
    asio::co_spawn(context, lock_and_note(*guarded, journal, "waiter"), asio::detached);
    context.poll();
    held->unlock();
    EXPECT_FALSE(guarded->try_lock().has_value());  // the waiter owns it already
    context.run();
    run_coroutine(context, guarded.async_drop());
}

TEST_F(Mutex, DoesNotResumeAWaiterInsideUnlock) {
    auto guarded = mutex();
    auto held = guarded->try_lock();
    asio::co_spawn(context, lock_and_note(*guarded, journal, "waiter"), asio::detached);
    context.poll();
    run_coroutine(context, [&]() -> asio::awaitable<void> {
        held->unlock();
        EXPECT_FALSE(journal.contains("waiter inside"));
        co_return;
    });
    context.restart();
    context.run();
    EXPECT_TRUE(journal.contains("waiter inside"));
    run_coroutine(context, guarded.async_drop());
}

TEST_F(Mutex, ACancelledWaiterLeavesTheQueue) {
    auto guarded = mutex();
    auto held = guarded->try_lock();
    asio::cancellation_signal signal;
    std::string outcome;
    asio::co_spawn(context, lock_and_note(*guarded, journal, "cancelled"),
                   asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& error) {
                       outcome = message_of(error);
                       signal.slot().clear();
                   }));
    asio::co_spawn(context, lock_and_note(*guarded, journal, "patient"), asio::detached);
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_NE(outcome.find("canceled"), std::string::npos) << outcome;
    held->unlock();
    context.run();
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"patient inside", "patient leaves"}));
    run_coroutine(context, guarded.async_drop());
}

TEST_F(Mutex, AWaiterThatIsGrantedAndCancelledAtOnceLosesNothing) {
    auto guarded = mutex();
    auto held = guarded->try_lock();
    asio::cancellation_signal signal;
    asio::co_spawn(context, lock_and_note(*guarded, journal, "both"),
                   asio::bind_cancellation_slot(signal.slot(),
                                                [&](const std::exception_ptr&) { signal.slot().clear(); }));
    asio::co_spawn(context, lock_and_note(*guarded, journal, "next"), asio::detached);
    context.poll();
    held->unlock();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    // The lock was taken and given back when the next await of the cancelled coroutine threw.
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"both inside", "next inside", "next leaves"}));
    run_coroutine(context, guarded.async_drop());
}

TEST_F(Mutex, AWaiterWhoseContextDiesPassesTheLockOn) {
    auto guarded = mutex();
    auto held = guarded->try_lock();
    {
        asio::io_context dying;
        asio::co_spawn(dying, lock_and_note(*guarded, journal, "granted, never resumed"), asio::detached);
        asio::co_spawn(dying, lock_and_note(*guarded, journal, "queued"), asio::detached);
        dying.poll();
        asio::co_spawn(context, lock_and_note(*guarded, journal, "alive"), asio::detached);
        context.poll();
        held->unlock();
    }
    context.run();
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"alive inside", "alive leaves"}));
    run_coroutine(context, guarded.async_drop());
}

TEST_F(Mutex, ClosesEntryThenWaitsForTheHolderThenCleansUp) {
    auto guarded = mutex();
    const ProbeMutex& shared = *guarded;
    auto held = shared.try_lock();
    asio::co_spawn(context, lock_and_note(shared, journal, "early"), asio::detached);
    context.poll();
    asio::awaitable<void> late = lock_and_note(shared, journal, "late");
    asio::co_spawn(context, guarded.async_drop(), asio::detached);
    context.poll();
    asio::co_spawn(context, std::move(late), asio::detached);
    context.poll();
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"late closed"}));
    EXPECT_FALSE(shared.try_lock().has_value());
    held->unlock();
    context.run();
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"late closed", "early inside", "early leaves",
                                                          "drop it", "dropped it", "gone it"}));
}

TEST_F(Mutex, TellsTheCleanupsError) {
    auto guarded = mutex(failing("disk full"));
    EXPECT_EQ(run_coroutine(context, outcome_of(guarded.async_drop())), "disk full");
    EXPECT_TRUE(guarded.is_dropped());
    EXPECT_TRUE(journal.contains("gone it"));
}

TEST_F(Mutex, FinishesItsDropAlthoughCancelledWhileWaitingForTheHolder) {
    auto guarded = mutex();
    auto held = guarded->try_lock();
    asio::cancellation_signal signal;
    std::string outcome;
    asio::co_spawn(context, guarded.async_drop(),
                   asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& error) {
                       outcome = message_of(error);
                       signal.slot().clear();
                   }));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_TRUE(outcome.empty());
    EXPECT_FALSE(journal.contains("drop it"));
    held->unlock();
    context.run();
    EXPECT_EQ(outcome, "no error");
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(Mutex, GivesItsResourceBackWhenNobodyIsInside) {
    auto guarded = mutex();
    auto held = guarded->try_lock();
    EXPECT_FALSE(ProbeMutex::into_inner(guarded).has_value());
    EXPECT_TRUE(static_cast<bool>(guarded));
    held->unlock();
    std::optional<AsyncDropBox<Probe>> inner = ProbeMutex::into_inner(guarded);
    ASSERT_TRUE(inner.has_value());
    EXPECT_FALSE(static_cast<bool>(guarded));
    EXPECT_TRUE(journal.events().empty());
    run_coroutine(context, inner->async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(Mutex, HoldsAnAbstractTypeThatCameInABox) {
    AsyncDropBox<ProbeBase> box(asyncdrop::make_box<Probe>(journal, "it", Cleanup{}));
    auto guarded = AsyncDropMutex<ProbeBase>::create(std::move(box));
    run_coroutine(context, [&]() -> asio::awaitable<void> {
        auto lock = co_await guarded->lock();
        EXPECT_EQ(lock->name(), "it");
    });
    run_coroutine(context, guarded.async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(Mutex, LocksAndUnlocksInALongLoop) {
    auto guarded = mutex();
    run_coroutine(context, [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 100000; ++i) {
            auto lock = co_await guarded->lock();
            lock->value = i;
        }
    });
    run_coroutine(context, guarded.async_drop());
}

using MutexDeathTest = Mutex;

TEST_F(MutexDeathTest, AbortsWhenForgotten) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH({ auto forgotten = mutex(); }, "Forgot to call async_drop on .*mutex_test.cpp");
}

TEST_F(MutexDeathTest, AbortsWhenALockIsUsedAfterItsUnlock) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto guarded = mutex();
    auto lock = guarded->try_lock();
    lock->unlock();
    EXPECT_DEATH((void)(*lock)->value, "used after its unlock");
    run_coroutine(context, guarded.async_drop());
}

}  // namespace
