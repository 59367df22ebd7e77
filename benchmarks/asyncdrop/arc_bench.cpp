// Several owners: AsyncDropArc beside std::shared_ptr, AsyncDropMutex beside a channel of one token.
//
// libstdc++ counts without atomic operations as long as a program has a single thread; nobody needs an Arc
// there, so a second thread exists while anything is measured here.
#include <asyncdrop/arc.hpp>
#include <asyncdrop/mutex.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "cases.hpp"

namespace asyncdrop_bench {
namespace {

using Guarded = Connection<Cleanup::ends_at_once>;
using Hand = HandConnection<Cleanup::ends_at_once>;

/// A thread that does nothing.
class SecondThread {
  private:
    std::mutex mutex_;
    std::condition_variable_any stopped_;
    std::jthread thread_{[this](const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        stopped_.wait(lock, stop, [] { return false; });
    }};
};

// --- arc ---

asio::awaitable<void> arc_try_release(benchmark::State& state) {
    const SecondThread second;
    Wire wire;
    asyncdrop::AsyncDropArc<Guarded> first(connect<Cleanup::ends_at_once>(wire));
    for (auto _ : state) {
        asyncdrop::AsyncDropArc<Guarded> clone = first.clone();
        benchmark::DoNotOptimize(clone);
        if (!clone.try_release()) co_await clone.async_drop();
    }
    co_await first.async_drop();
}

asio::awaitable<void> shared_ptr_reset(benchmark::State& state) {
    const SecondThread second;
    Wire wire;
    const auto first = std::make_shared<Hand>(wire);
    for (auto _ : state) {
        std::shared_ptr<Hand> copy = first;
        benchmark::DoNotOptimize(copy);
        copy.reset();
    }
    co_await first->close();
}

const Case arc_case("arc, clone and try_release", 1.2, arc_try_release, shared_ptr_reset);

asio::awaitable<void> arc_async_drop(benchmark::State& state) {
    const SecondThread second;
    Wire wire;
    asyncdrop::AsyncDropArc<Guarded> first(connect<Cleanup::ends_at_once>(wire));
    for (auto _ : state) {
        asyncdrop::AsyncDropArc<Guarded> clone = first.clone();
        benchmark::DoNotOptimize(clone);
        co_await clone.async_drop();
    }
    co_await first.async_drop();
}

/// Owners that count themselves, since with a shared_ptr two may both, or neither, see that they are last.
class Counted {
  public:
    explicit Counted(Wire& wire) : connection_(wire) {}
    void add_owner() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    asio::awaitable<void> release() {
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) != 1) co_return;
        asio::awaitable<void> closing = connection_.close();
        co_await std::move(closing);
    }

  private:
    std::atomic<std::size_t> owners_{1};
    Hand connection_;
};

asio::awaitable<void> counted_release(benchmark::State& state) {
    const SecondThread second;
    Wire wire;
    Counted first(wire);
    for (auto _ : state) {
        first.add_owner();
        Counted* copy = &first;
        benchmark::DoNotOptimize(copy);
        co_await copy->release();
    }
    co_await first.release();
}

const Case arc_drop_case("arc, clone and async_drop", 0, arc_async_drop, counted_release);

asio::awaitable<void> arc_last_owner(benchmark::State& state) {
    const SecondThread second;
    Wire wire;
    for (auto _ : state) {
        asyncdrop::AsyncDropArc<Guarded> only(connect<Cleanup::ends_at_once>(wire));
        co_await only.async_drop();
    }
    benchmark::DoNotOptimize(wire);
}

asio::awaitable<void> counted_last_owner(benchmark::State& state) {
    const SecondThread second;
    Wire wire;
    for (auto _ : state) {
        const auto only = std::make_unique<Counted>(wire);
        co_await only->release();
    }
    benchmark::DoNotOptimize(wire);
}

const Case arc_last_case("arc, made, cleaned up by its last owner", 0, arc_last_owner, counted_last_owner);

// --- mutex ---

asio::awaitable<void> mutex_lock(benchmark::State& state) {
    const SecondThread second;
    Wire wire;
    auto mutex = asyncdrop::AsyncDropMutex<Guarded>::create(connect<Cleanup::ends_at_once>(wire));
    for (auto _ : state) {
        auto connection = co_await mutex->lock();
        connection->say("hello");
    }
    co_await mutex.async_drop();
}

asio::awaitable<void> channel_lock(benchmark::State& state) {
    const SecondThread second;
    using Channel = asio::experimental::channel<void(boost::system::error_code)>;
    Wire wire;
    Hand connection(wire);
    const auto executor = co_await asio::this_coro::executor;
    Channel taken(executor, 1);  // not even safe to use from several threads
    for (auto _ : state) {
        co_await taken.async_send(boost::system::error_code(), asio::use_awaitable);
        connection.say("hello");
        taken.try_receive([](boost::system::error_code) {});
    }
    co_await connection.close();
}

const Case mutex_case("mutex, lock and unlock", 0, mutex_lock, channel_lock);

}  // namespace
}  // namespace asyncdrop_bench
