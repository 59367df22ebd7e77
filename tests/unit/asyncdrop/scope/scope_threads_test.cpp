// Scopes and tasks on many threads: everybody who gets in is joined. For ThreadSanitizer.
#include <gtest/gtest.h>

#include <asyncdrop/scope.hpp>
#include <asyncdrop/task.hpp>
#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>
#include <vector>

#include "tests/unit/asyncdrop/support/probe.hpp"

namespace scope_threads_test {  // not anonymous: g++ warns of coroutine frames that hold such types

using asyncdrop::AsyncDropScope;
using asyncdrop::AsyncDropTask;
using asyncdrop::WhenDropped;

asio::awaitable<void> step(std::atomic<int>& ended, int posts, bool fails) {
    for (int i = 0; i < posts; ++i) {
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
    }
    ended += 1;
    if (fails) throw std::runtime_error("failed");
}

TEST(ScopeThreads, EverybodyWhoGetsInIsJoinedHoweverSpawnsAndDropRace) {
    for (int round = 0; round < 100; ++round) {
        asio::thread_pool pool(4);
        std::atomic<int> ended{0};
        std::atomic<int> entered{0};
        auto scope = AsyncDropScope::create(pool.get_executor());
        AsyncDropScope& inside = *scope;
        std::atomic<bool> joined{false};
        // Spawners are tasks themselves, so that the scope outlives them.
        for (int spawner = 0; spawner < 4; ++spawner) {
            scope->spawn("spawner", [&inside, &ended, &entered, spawner]() -> asio::awaitable<void> {
                try {
                    for (int i = 0; i < 20; ++i) {
                        inside.spawn("task", step(ended, (spawner + i) % 4, false));
                        entered += 1;
                        auto executor = co_await asio::this_coro::executor;
                        co_await asio::post(executor, asio::use_awaitable);
                    }
                } catch (const asyncdrop::ScopeClosed&) {
                }
            });
        }
        std::future<void> drop = asio::co_spawn(pool, scope.async_drop(), asio::use_future);
        drop.get();
        ASSERT_EQ(ended, entered);
        joined = true;
        pool.join();
    }
}

TEST(ScopeThreads, CancellationRacesWithTheEndsOfTasks) {
    for (int round = 0; round < 200; ++round) {
        asio::thread_pool pool(4);
        std::atomic<int> ended{0};
        auto scope = AsyncDropScope::create(pool.get_executor(), WhenDropped::cancel);
        for (int i = 0; i < 8; ++i) scope->spawn("task", step(ended, i % 4, i == 7));
        std::future<void> drop = asio::co_spawn(pool, scope.async_drop(), asio::use_future);
        try {
            drop.get();
        } catch (const std::runtime_error& error) {
            ASSERT_STREQ(error.what(), "failed");
        }
        ASSERT_TRUE(scope.is_dropped());
        pool.join();
    }
}

TEST(ScopeThreads, AwaitedTasksDeliverOnTheirAwaitersThreads) {
    asio::thread_pool pool(4);
    std::atomic<int> ended{0};
    auto scope = AsyncDropScope::create(pool.get_executor());
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&scope, &ended] {
            asio::io_context mine;
            int got = 0;
            for (int i = 0; i < 50; ++i) {
                scope->spawn(
                    "task", step(ended, i % 3, false),
                    asio::bind_executor(mine.get_executor(), [&got](const std::exception_ptr&) { ++got; }));
            }
            mine.run();
            ASSERT_EQ(got, 50);
        });
    }
    for (std::thread& thread : threads) thread.join();
    asio::co_spawn(pool, scope.async_drop(), asio::use_future).get();
    EXPECT_EQ(ended, 200);
}

TEST(TaskThreads, WakesAndStopsRaceWithTheWait) {
    for (int round = 0; round < 200; ++round) {
        asio::thread_pool pool(3);
        std::atomic<int> turns{0};
        auto task = AsyncDropTask::start(pool.get_executor(), "turns",
                                         [&turns](asyncdrop::TaskControl& control) -> asio::awaitable<void> {
                                             do {  // also if the drop comes before the body has begun
                                                 co_await control.wait_for(std::chrono::hours(1));
                                                 turns += 1;
                                             } while (!control.stopping());
                                         });
        AsyncDropTask& inside = *task;
        std::thread waker([&inside] {
            for (int i = 0; i < 20; ++i) inside.wake();
        });
        waker.join();
        asio::co_spawn(pool, task.async_drop(), asio::use_future).get();
        ASSERT_GE(turns, 1);
        pool.join();
    }
}

}  // namespace scope_threads_test
