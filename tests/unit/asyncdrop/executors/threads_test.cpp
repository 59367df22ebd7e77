// Several threads: strands on a pool, parallel drops, signals from elsewhere. Meant for ThreadSanitizer.
#include <asyncdrop/asyncdrop.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/drop_concurrently.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::make_guard;

constexpr int threads = 4;
constexpr int coroutines = 8;
constexpr int rounds = 50;

/// Counts its cleanups; hops through the executor in each.
class Counted {
  public:
    Counted(asyncdrop::Passkey<Counted>, std::atomic<int>& drops, bool fails = false)
        : drops_(&drops), fails_(fails) {}
    Counted(Counted&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() {
        co_await yield();
        co_await yield();
        ++*drops_;
        if (fails_) throw Failure("counted");
    }

  private:
    std::atomic<int>* drops_;
    bool fails_;
};

asio::awaitable<void> use_everything(std::atomic<int>& drops) {
    const auto factory = [&drops] { return make_guard<Counted>(drops); };
    const auto body = [](Counted&) -> asio::awaitable<int> {
        co_await yield();
        co_return 1;
    };
    for (int i = 0; i < rounds; ++i) {
        co_await asyncdrop::with_async_drop(factory, body);
        auto a = make_guard<Counted>(drops);
        auto b = asyncdrop::make_box<Counted>(drops, true);
        auto c = make_guard<Counted>(drops);
        bool failed = false;
        try {
            co_await asyncdrop::drop_concurrently(a, b, c);
        } catch (const Failure&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        asyncdrop::AsyncDropStack stack;
        stack.own(make_guard<Counted>(drops));
        co_await stack.async_drop();
    }
}

void wait_for_all(std::vector<std::future<void>>& futures) {
    for (auto& future : futures) future.get();
}

TEST(Threads, StrandsOfAPoolUseTheLibraryIndependently) {
    std::atomic<int> drops = 0;
    asio::thread_pool pool(threads);
    std::vector<std::future<void>> futures;
    for (int i = 0; i < coroutines; ++i) {
        futures.push_back(asio::co_spawn(asio::make_strand(pool), use_everything(drops), asio::use_future));
    }
    wait_for_all(futures);
    EXPECT_EQ(drops, coroutines * rounds * 5);
}

TEST(Threads, ConcurrentDropsRunInParallelOnAPoolWithoutAStrand) {
    std::atomic<int> drops = 0;
    asio::thread_pool pool(threads);
    std::vector<std::future<void>> futures;
    for (int i = 0; i < coroutines; ++i) {
        futures.push_back(asio::co_spawn(pool, use_everything(drops), asio::use_future));
    }
    wait_for_all(futures);
    EXPECT_EQ(drops, coroutines * rounds * 5);
}

TEST(Threads, SignalsFromAnotherThreadNeverInterruptACleanup) {
    std::atomic<int> drops = 0;
    std::atomic<int> made = 0;
    asio::thread_pool pool(threads);
    struct Victim {
        explicit Victim(asio::thread_pool& p) : strand(asio::make_strand(p)) {}
        asio::strand<asio::thread_pool::executor_type> strand;
        asio::cancellation_signal signal;
    };
    const auto run = [&]() -> asio::awaitable<void> {
        const auto factory = [&] {
            ++made;
            return make_guard<Counted>(drops);
        };
        const auto body = [](Counted&) -> asio::awaitable<void> { co_await yield(); };
        co_await yield();
        for (int i = 0; i < rounds * 20; ++i) co_await asyncdrop::with_async_drop(factory, body);
    };
    std::vector<std::unique_ptr<Victim>> victims;
    std::vector<std::future<void>> futures;
    for (int i = 0; i < coroutines; ++i) {
        victims.push_back(std::make_unique<Victim>(pool));
        Victim& victim = *victims.back();
        auto done = std::make_shared<std::promise<void>>();
        futures.push_back(done->get_future());
        asio::co_spawn(
            victim.strand, run,
            asio::bind_cancellation_slot(
                victim.signal.slot(),
                asio::bind_executor(victim.strand, [done](std::exception_ptr) { done->set_value(); })));
    }
    while (made < coroutines * 3) std::this_thread::yield();
    for (auto& victim : victims) {
        asio::post(victim->strand, [&victim] { victim->signal.emit(asio::cancellation_type::terminal); });
    }
    wait_for_all(futures);
    pool.join();
    EXPECT_EQ(drops, made);
}

TEST(Threads, AGuardMadeOnOneThreadMayBeDroppedOnAnother) {
    std::atomic<int> drops = 0;
    asio::thread_pool pool(threads);
    auto guard = make_guard<Counted>(drops);
    asio::co_spawn(pool, guard.async_drop(), asio::use_future).get();
    EXPECT_EQ(drops, 1);
    EXPECT_TRUE(guard.is_dropped());
}

}  // namespace
}  // namespace asyncdrop_test
