// AsyncDropArc shared between threads: exactly one cleaner, and waiters that see the end of its work.

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <future>
#include <thread>

#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;

struct Counted {
    explicit Counted(std::atomic<int>& c) : cleanups(&c) {}
    asio::awaitable<void> async_drop_impl() {
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        written_by_owners += 1000;  // races with the owners' writes unless their releases come before
        cleanups->fetch_add(1);
    }
    std::atomic<int>* cleanups;
    int written_by_owners = 0;
};

asio::awaitable<void> clone_and_drop(AsyncDropArc<Counted> arc, int clones) {
    for (int i = 0; i < clones; ++i) {
        auto clone = arc.clone();
        if (!clone.try_release()) co_await clone.async_drop();
    }
    co_await arc.async_drop();
}

TEST(ArcThreads, ElectOneCleanerHoweverTheOwnersRace) {
    for (int round = 0; round < 200; ++round) {
        std::atomic<int> cleanups{0};
        asio::thread_pool pool(4);
        {
            AsyncDropArc<Counted> arc(asyncdrop::make_guard<Counted>(cleanups));
            for (int owner = 0; owner < 8; ++owner) {
                asio::co_spawn(pool, clone_and_drop(arc.clone(), 20), asio::detached);
            }
            asio::co_spawn(pool, clone_and_drop(std::move(arc), 20), asio::detached);
        }
        pool.join();
        ASSERT_EQ(cleanups.load(), 1) << "round " << round;
    }
}

asio::awaitable<void> drop_and_check(AsyncDropArc<Counted> arc, std::atomic<int>& cleanups,
                                     std::atomic<int>& seen) {
    co_await arc.async_drop_and_wait();
    seen += cleanups.load() == 1 ? 1 : 0;
}

TEST(ArcThreads, EveryWaiterReturnsAfterTheCleanup) {
    for (int round = 0; round < 200; ++round) {
        std::atomic<int> cleanups{0};
        std::atomic<int> seen{0};
        asio::thread_pool pool(4);
        {
            AsyncDropArc<Counted> arc(asyncdrop::make_guard<Counted>(cleanups));
            for (int owner = 0; owner < 7; ++owner) {
                asio::co_spawn(pool, drop_and_check(arc.clone(), cleanups, seen), asio::detached);
            }
            asio::co_spawn(pool, drop_and_check(std::move(arc), cleanups, seen), asio::detached);
        }
        pool.join();
        ASSERT_EQ(seen.load(), 8) << "round " << round;
    }
}

TEST(ArcThreads, TheCleanerSeesWhatEveryOwnerWrote) {
    struct Sum {
        explicit Sum(int& t) : total(&t) {}
        asio::awaitable<void> async_drop_impl() {
            for (const int part : parts) *total += part;
            co_return;
        }
        int* total;
        std::array<int, 4> parts{};
    };
    for (int round = 0; round < 300; ++round) {
        int total = 0;
        asio::thread_pool pool(4);
        AsyncDropArc<Sum> arc(asyncdrop::make_guard<Sum>(total));
        for (std::size_t owner = 0; owner < 4; ++owner) {
            const auto work = [](AsyncDropArc<Sum> mine, std::size_t place) -> asio::awaitable<void> {
                mine->parts[place] = 1;  // not atomic: the release must publish it
                co_await mine.async_drop();
            };
            asio::co_spawn(pool, work(arc.clone(), owner), asio::detached);
        }
        std::promise<void> last;
        asio::co_spawn(pool, arc.async_drop(), [&](const std::exception_ptr&) { last.set_value(); });
        pool.join();
        ASSERT_EQ(total, 4) << "round " << round;
    }
}

}  // namespace
