// A shared map on many threads: of one key there are never two, and everything is cleaned up. For
// ThreadSanitizer.
#include <asyncdrop/shared_map.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "tests/unit/asyncdrop/support/probe.hpp"

namespace shared_map_threads_test {  // not anonymous: g++ warns of coroutine frames that hold such types

using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;

struct Counts {
    std::atomic<int> alive[4] = {};
    std::atomic<int> created{0};
    std::atomic<int> cleaned{0};
    std::atomic<int> got{0};
};

asio::awaitable<void> turn() {
    auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
}

struct Exclusive {
    Exclusive(Counts& c, int k) : counts(&c), key(k) {}
    asio::awaitable<void> async_drop_impl() {
        co_await turn();
        counts->alive[key] -= 1;
        counts->cleaned += 1;
    }
    Counts* counts;
    int key;
};
using Map = asyncdrop::AsyncDropSharedMap<int, Exclusive>;

asio::awaitable<AsyncDropGuard<Exclusive>> create(Counts& counts, int key) {
    co_await turn();
    counts.created += 1;
    counts.alive[key] += 1;
    co_return asyncdrop::make_guard<Exclusive>(counts, key);
}

asio::awaitable<void> use(Map& map, Counts& counts, int user) {
    for (int round = 0; round < 10; ++round) {
        const int key = (user + round) % 4;
        AsyncDropBox<Exclusive> mine = co_await map.get(key);
        counts.got += counts.alive[key] == 1 && mine->key == key ? 1 : 1000;
        co_await turn();
        co_await mine.async_drop();
    }
}

TEST(SharedMapThreads, OneOfAKeyAtATimeHoweverUsersRace) {
    for (const auto when_unused : {asyncdrop::WhenUnused::drop, asyncdrop::WhenUnused::keep}) {
        for (int round = 0; round < 30; ++round) {
            Counts counts;
            asio::thread_pool pool(4);
            const auto make = [&counts](const int& key) { return create(counts, key); };
            auto map = Map::create(make, when_unused);
            std::vector<std::future<void>> users;
            for (int user = 0; user < 8; ++user) {
                const auto strand = asyncdrop::detail::SerialExecutor::of(pool.get_executor());
                users.push_back(
                    asio::co_spawn(asio::any_io_executor(strand), use(*map, counts, user), asio::use_future));
            }
            for (auto& user : users) user.get();
            asio::co_spawn(pool, map.async_drop(), asio::use_future).get();
            ASSERT_EQ(counts.got, 80);
            ASSERT_EQ(counts.cleaned, counts.created);
            if (when_unused == asyncdrop::WhenUnused::keep) {
                ASSERT_EQ(counts.created, 4);
            }
            pool.join();
        }
    }
}

}  // namespace shared_map_threads_test
