// Cancellation over a bridge between executor types, and many threads.

#include <asyncdrop/bridge.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/mutex.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>
#include <vector>

#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropMutex;
using asyncdrop::bridge_to;
using Executor = asio::io_context::executor_type;
using Strand = asio::strand<Executor>;
const asio::use_awaitable_t<Executor> use_typed;

class Bridge : public testing::Test {
  protected:
    void spawn(asio::awaitable<void, Executor> coroutine) {
        asio::co_spawn(context.get_executor(), std::move(coroutine),
                       asio::bind_cancellation_slot(signal.slot(), [this](const std::exception_ptr& error) {
                           outcome = message_of(error);
                       }));
    }

    Journal journal;
    Gate gate;
    asio::io_context context;
    asio::cancellation_signal signal;
    std::string outcome = "running";
};

TEST_F(Bridge, CancellationReachesTheBodyAndSparesTheCleanup) {
    const auto coroutine = [this]() -> asio::awaitable<void, Executor> {
        const auto open = [this] { return make_probe(journal, "it", waiting_for(gate)); };
        const auto use = [](Probe&) -> asio::awaitable<void, Executor> {
            asio::steady_timer forever(co_await asio::this_coro::executor,
                                       asio::steady_timer::time_point::max());
            co_await forever.async_wait(use_typed);
        };
        co_await asyncdrop::with_async_drop(open, use);
    };
    spawn(coroutine());
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_TRUE(journal.contains("drop it"));
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_EQ(outcome, "running");
    gate.open();
    context.restart();
    context.run();
    EXPECT_TRUE(journal.contains("dropped it"));
    EXPECT_NE(outcome.find("canceled"), std::string::npos) << outcome;
}

TEST_F(Bridge, ACancelledCoroutineDropsInTwoSteps) {
    bool still_cancelled = false;
    const auto coroutine = [&]() -> asio::awaitable<void, Executor> {
        auto guard = make_probe(journal, "it");
        asio::steady_timer forever(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        try {
            co_await forever.async_wait(use_typed);
        } catch (const boost::system::system_error&) {
        }
        co_await asyncdrop::even_if_cancelled;
        co_await guard.async_drop(use_typed);
        const auto state = co_await asio::this_coro::cancellation_state;
        still_cancelled = state.cancelled() != asio::cancellation_type::none;
        co_await asio::post(context, use_typed);
        ADD_FAILURE() << "the next await is refused again";
    };
    spawn(coroutine());
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.restart();
    context.run();
    EXPECT_TRUE(journal.contains("dropped it"));
    EXPECT_TRUE(still_cancelled);
    EXPECT_NE(outcome.find("canceled"), std::string::npos) << outcome;
}

TEST_F(Bridge, ABodyThatCancelsItselfStillEnds) {
    const auto coroutine = [this]() -> asio::awaitable<void, Executor> {
        const auto open = [this] { return make_probe(journal, "it"); };
        const auto use = [this](Probe&) -> asio::awaitable<void, Executor> {
            signal.emit(asio::cancellation_type::terminal);
            co_return;
        };
        co_await asyncdrop::with_async_drop(open, use);
        journal.add("bracket ended");
    };
    spawn(coroutine());
    context.run();
    EXPECT_TRUE(journal.contains("dropped it"));
    EXPECT_NE(outcome, "running");
}

asio::awaitable<void, Strand> use_and_drop(AsyncDropArc<AsyncDropMutex<Probe>> arc, std::atomic<int>& used) {
    const asio::use_awaitable_t<Strand> token;
    for (int turn = 0; turn < 20; ++turn) {
        auto locking = bridge_to<Strand>(arc->lock());
        auto lock = co_await std::move(locking);
        ++lock->value;
        ++used;
    }
    co_await arc.async_drop(token);
}

TEST_F(Bridge, ManyStrandsOnManyThreadsShareOneMutex) {
    auto work = asio::make_work_guard(context);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([this] { context.run(); });
    std::atomic<int> used = 0;
    {
        auto mutex = AsyncDropMutex<Probe>::create(make_probe(journal, "it"));
        AsyncDropArc<AsyncDropMutex<Probe>> arc(std::move(mutex));
        std::vector<std::future<void>> ended;
        for (int i = 0; i < 16; ++i) {
            ended.push_back(asio::co_spawn(asio::make_strand(context.get_executor()),
                                           use_and_drop(arc.clone(), used), asio::use_future));
        }
        arc.async_drop(context.get_executor(), asio::use_future).get();
        for (auto& one : ended) one.get();
    }
    work.reset();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(used, 16 * 20);
    EXPECT_TRUE(journal.contains("dropped it"));
}

using PoolStrand = asio::strand<asio::thread_pool::executor_type>;

asio::awaitable<void, PoolStrand> bracket_on_a_strand(Journal& journal, int number) {
    const auto open = [&]() { return make_probe(journal, std::to_string(number)); };
    const auto use = [](Probe& probe) -> asio::awaitable<void, PoolStrand> {
        const PoolStrand strand = co_await asio::this_coro::executor;
        const asio::use_awaitable_t<PoolStrand> token;
        co_await asio::post(strand, token);
        EXPECT_TRUE(strand.running_in_this_thread());
        ++probe.value;
    };
    co_await asyncdrop::with_async_drop(open, use);
}

TEST_F(Bridge, BracketsRunOnStrandsOfAThreadPool) {
    asio::thread_pool pool(4);
    std::vector<std::future<void>> ended;
    for (int i = 0; i < 50; ++i) {
        ended.push_back(
            asio::co_spawn(asio::make_strand(pool), bracket_on_a_strand(journal, i), asio::use_future));
    }
    for (auto& one : ended) one.get();
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(journal.contains("dropped " + std::to_string(i)));
}

}  // namespace
