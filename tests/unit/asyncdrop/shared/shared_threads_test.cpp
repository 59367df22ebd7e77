// AsyncDropShared on many threads: one creation, one cleanup, whoever races with whom. For ThreadSanitizer.

#include <asyncdrop/shared.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "tests/unit/asyncdrop/support/probe.hpp"

namespace shared_threads_test {  // not anonymous: g++ warns of coroutine frames that hold such types

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropShared;

/// A strand. Not Asio's: in an any_io_executor it has a reference count whose fence ThreadSanitizer does not
/// understand.
asio::any_io_executor serial(asio::thread_pool& pool) {
    return asyncdrop::detail::SerialExecutor::of(pool.get_executor());
}

struct Counts {
    std::atomic<int> created{0};
    std::atomic<int> cleaned{0};
    std::atomic<int> got{0};
    std::atomic<int> failed{0};
};

struct Counted {
    explicit Counted(Counts& c) : counts(&c) {}
    asio::awaitable<void> async_drop_impl() {
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        written += 1;  // races with the creation's write unless that comes before
        counts->cleaned += written == 2 ? 1 : 1000;
    }
    Counts* counts;
    int written = 0;
};

asio::awaitable<AsyncDropGuard<Counted>> create(Counts& counts, int posts) {
    for (int i = 0; i < posts; ++i) {
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
    }
    auto made = asyncdrop::make_guard<Counted>(counts);
    made->written = 1;
    counts.created += 1;
    co_return made;
}

asio::awaitable<void> use(AsyncDropShared<Counted> shared, Counts& counts) {
    auto clone = shared.clone();
    AsyncDropArc<Counted> arc;
    try {
        arc = co_await clone.get();
        counts.got += arc->written == 1 ? 1 : 1000;
        // The resource exists now, so everybody sees it.
        counts.got += shared.peek() != nullptr ? 0 : 1000;
    } catch (const std::exception&) {
        counts.failed += 1;
    }
    co_await asyncdrop::even_if_cancelled;
    co_await clone.async_drop();
    co_await asyncdrop::even_if_cancelled;
    co_await arc.async_drop();
    co_await asyncdrop::even_if_cancelled;
    co_await shared.async_drop();
}

TEST(SharedThreads, CreateOnceAndCleanUpOnceHoweverTheUsersRace) {
    for (int round = 0; round < 150; ++round) {
        Counts counts;
        asio::thread_pool pool(4);
        const auto make = [&counts, round] { return create(counts, round % 4); };
        auto shared = AsyncDropShared<Counted>::create(make);
        for (int user = 0; user < 8; ++user) {
            asio::co_spawn(serial(pool), use(shared.clone(), counts), asio::detached);
        }
        asio::co_spawn(serial(pool), shared.async_drop(), asio::detached);
        pool.join();
        ASSERT_EQ(counts.created, 1);
        ASSERT_EQ(counts.cleaned, 1);
        ASSERT_EQ(counts.got, 8);
        ASSERT_TRUE(shared.is_dropped());
    }
}

TEST(SharedThreads, CancelledWaitersRaceWithTheCreationAndWithEachOther) {
    int rounds_with_a_product = 0;
    for (int round = 0; round < 300; ++round) {
        Counts counts;
        struct User {
            explicit User(asio::thread_pool& pool) : strand(serial(pool)) {}
            asio::any_io_executor strand;
            asio::cancellation_signal signal;
        };
        std::vector<std::unique_ptr<User>> users;
        asio::thread_pool pool(4);
        const auto make = [&counts, round] { return create(counts, round % 16); };
        auto shared = AsyncDropShared<Counted>::create(make);
        for (int i = 0; i < 4; ++i) {
            User& user = *users.emplace_back(std::make_unique<User>(pool));
            asio::post(user.strand, [&user, &counts, mine = shared.clone()]() mutable {
                asio::co_spawn(
                    user.strand, use(std::move(mine), counts),
                    asio::bind_cancellation_slot(user.signal.slot(), [&user](const std::exception_ptr&) {
                        user.signal.slot().clear();
                    }));
                asio::post(user.strand, [&user] {
                    asio::post(user.strand, [&user] { user.signal.emit(asio::cancellation_type::terminal); });
                });
            });
        }
        asio::co_spawn(serial(pool), shared.async_drop(), asio::detached);
        pool.join();
        users.clear();
        ASSERT_EQ(counts.got + counts.failed, 4);
        ASSERT_LE(counts.created, 1);
        ASSERT_EQ(counts.cleaned, counts.created);
        rounds_with_a_product += counts.created;
    }
    EXPECT_GT(rounds_with_a_product, 0);
}

TEST(SharedThreads, DropsRaceWithTheCreation) {
    for (int round = 0; round < 300; ++round) {
        Counts counts;
        asio::thread_pool pool(4);
        const auto make = [&counts, round] { return create(counts, round % 8); };
        auto shared = AsyncDropShared<Counted>::create(serial(pool), make);
        auto second = shared.clone();
        // One waiter that gives up at once, by the death of its coroutine's handle on the creation.
        const auto ask = [](AsyncDropShared<Counted> mine) -> asio::awaitable<void> {
            asio::awaitable<AsyncDropArc<Counted>> getting = mine.get();
            co_await mine.async_drop();
            AsyncDropArc<Counted> arc;
            try {
                arc = co_await std::move(getting);
            } catch (const boost::system::system_error&) {  // the others were faster
            }
            co_await arc.async_drop();
        };
        asio::co_spawn(serial(pool), ask(shared.clone()), asio::detached);
        asio::co_spawn(serial(pool), shared.async_drop(), asio::detached);
        asio::co_spawn(serial(pool), second.async_drop(), asio::detached);
        pool.join();
        ASSERT_EQ(counts.cleaned, counts.created) << "round " << round;
    }
}

}  // namespace shared_threads_test
