// AsyncDropMutex between threads and contexts.

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/mutex.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/thread_pool.hpp>
#include <future>
#include <thread>
#include <vector>

#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropMutex;

struct Counter {
    explicit Counter(int& f) : final_count(&f) {}
    asio::awaitable<void> async_drop_impl() {
        *final_count = count;
        co_return;
    }
    int count = 0;  // not atomic: the mutex is what protects it
    int* final_count;
};

using CounterMutex = AsyncDropMutex<Counter>;

asio::awaitable<void> count_up(AsyncDropArc<CounterMutex> mutex, int times) {
    for (int i = 0; i < times; ++i) {
        auto lock = co_await mutex->lock();
        const int seen = lock->count;
        if (i % 4 == 0) {
            auto executor = co_await asio::this_coro::executor;
            co_await asio::post(executor, asio::use_awaitable);
        }
        lock->count = seen + 1;
    }
    co_await mutex.async_drop();
}

TEST(MutexThreads, LetsOneInAtATime) {
    int final_count = 0;
    asio::thread_pool pool(4);
    {
        AsyncDropArc<CounterMutex> mutex(CounterMutex::create(asyncdrop::make_guard<Counter>(final_count)));
        for (int task = 0; task < 7; ++task) {
            asio::co_spawn(pool, count_up(mutex.clone(), 500), asio::detached);
        }
        asio::co_spawn(pool, count_up(std::move(mutex), 500), asio::detached);
    }
    pool.join();
    EXPECT_EQ(final_count, 8 * 500);
}

asio::awaitable<std::thread::id> thread_inside(const CounterMutex& mutex) {
    auto lock = co_await mutex.lock();
    co_return std::this_thread::get_id();
}

TEST(MutexThreads, AWaiterResumesOnItsOwnExecutorWhoeverUnlocks) {
    int final_count = 0;
    asio::io_context home;
    auto work = asio::make_work_guard(home);
    std::thread home_thread([&] { home.run(); });
    auto mutex = CounterMutex::create(asyncdrop::make_guard<Counter>(final_count));

    auto held = mutex->try_lock();
    std::promise<std::thread::id> inside;
    std::promise<void> parked;
    asio::co_spawn(home, thread_inside(*mutex),
                   [&](const std::exception_ptr&, std::thread::id id) { inside.set_value(id); });
    asio::post(home, [&] { parked.set_value(); });  // runs after the coroutine has come to wait
    parked.get_future().wait();
    held->unlock();  // on this thread
    EXPECT_EQ(inside.get_future().get(), home_thread.get_id());

    std::promise<void> dropped;
    asio::co_spawn(home, mutex.async_drop(), [&](const std::exception_ptr&) { dropped.set_value(); });
    dropped.get_future().wait();
    work.reset();
    home_thread.join();
}

using Lock = CounterMutex::Lock;

// Locks again and again until the mutex is closed. The mutex itself may be gone by then, its awaitables do
// not depend on it.
asio::awaitable<void> lock_until_closed(std::vector<asio::awaitable<Lock>> turns, std::atomic<int>& closed) {
    try {
        for (asio::awaitable<Lock>& turn : turns) {
            Lock lock = co_await std::move(turn);
            ++lock->count;
        }
    } catch (const asyncdrop::MutexClosed&) {
        ++closed;
    }
}

TEST(MutexThreads, ClosesWhileSeveralThreadsCompete) {
    for (int round = 0; round < 50; ++round) {
        int final_count = -1;
        std::atomic<int> closed{0};
        std::atomic<int> ended{0};
        asio::thread_pool pool(4);
        auto mutex = CounterMutex::create(asyncdrop::make_guard<Counter>(final_count));
        for (int task = 0; task < 6; ++task) {
            std::vector<asio::awaitable<Lock>> turns;
            for (int turn = 0; turn < 200; ++turn) turns.push_back(mutex->lock());
            asio::co_spawn(pool, lock_until_closed(std::move(turns), closed),
                           [&](const std::exception_ptr& error) { ended += error ? 0 : 1; });
        }
        asio::co_spawn(pool, mutex.async_drop(), asio::detached);
        pool.join();
        EXPECT_EQ(ended.load(), 6);
        EXPECT_GE(final_count, 0);
        if (closed.load() == 0) {
            EXPECT_EQ(final_count, 6 * 200);
        }
    }
}

}  // namespace
