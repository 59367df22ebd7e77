#include "demofs/base/worker_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include "demofs/base/error.hpp"
#include "tests/support/run_coroutine.hpp"

namespace demofs {
namespace {

namespace asio = boost::asio;
using test_support::run_coroutine;

using PoolBox = asyncdrop::AsyncDropBox<WorkerPool>;

class WorkerPoolTest : public testing::Test {
  protected:
    ~WorkerPoolTest() override {
        if (!pool_.is_dropped()) run_coroutine(context_, pool_.async_drop());
    }

    asio::io_context context_{1};
    PoolBox pool_ = WorkerPool::make(2);
};

TEST_F(WorkerPoolTest, AJobRunsOnAnotherThreadAndItsCallerResumesOnItsOwn) {
    run_coroutine(context_, [&]() -> asio::awaitable<void> {
        const auto caller = std::this_thread::get_id();
        const auto job = [] { return std::this_thread::get_id(); };
        const std::thread::id worker = co_await pool_->run(job);
        EXPECT_NE(worker, caller);
        EXPECT_EQ(std::this_thread::get_id(), caller);
    });
}

TEST_F(WorkerPoolTest, AMoveOnlyResultIsHandedOver) {
    const auto job = [] { return std::make_unique<int>(42); };
    const std::unique_ptr<int> result = run_coroutine(context_, pool_->run(job));
    EXPECT_EQ(*result, 42);
}

TEST_F(WorkerPoolTest, AnExceptionOfAJobReachesItsCaller) {
    const auto job = [] { throw Error(ENOSPC, "Cannot write"); };
    try {
        run_coroutine(context_, pool_->run(job));
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::errc::no_space_on_device);
    }
}

TEST_F(WorkerPoolTest, ManyConcurrentJobsAllEndOnce) {
    constexpr int callers = 50;
    constexpr int rounds = 200;
    std::atomic<int> executed = 0;
    int ended = 0;  // only touched by the context's thread
    const auto job = [&executed] { ++executed; };
    const auto caller = [&]() -> asio::awaitable<void> {
        for (int round = 0; round < rounds; ++round) co_await pool_->run(job);
    };
    for (int i = 0; i < callers; ++i) {
        asio::co_spawn(context_, caller(), [&](std::exception_ptr error) {
            EXPECT_EQ(describe(error), "no error");
            ++ended;
        });
    }
    context_.run();
    EXPECT_EQ(ended, callers);
    EXPECT_EQ(executed, callers * rounds);
}

TEST_F(WorkerPoolTest, JobsRunInParallelOnAllWorkers) {
    // Each job waits for the other: with one worker this would never end.
    std::promise<void> first_started;
    std::promise<void> second_started;
    const auto first = [&] {
        first_started.set_value();
        second_started.get_future().wait();
    };
    const auto second = [&] {
        second_started.set_value();
        first_started.get_future().wait();
    };
    int ended = 0;
    const auto count = [&](std::exception_ptr) { ++ended; };
    asio::co_spawn(context_, pool_->run(first), count);
    asio::co_spawn(context_, pool_->run(second), count);
    context_.run();
    EXPECT_EQ(ended, 2);
}

TEST_F(WorkerPoolTest, ACancelledCallerStillWaitsForItsRunningJob) {
    std::promise<void> started;
    std::promise<void> may_end;
    bool job_ended = false;
    const auto job = [&] {
        started.set_value();
        may_end.get_future().wait();
        job_ended = true;
        return 7;
    };
    int result = 0;
    bool refused_afterwards = false;
    const auto caller = [&]() -> asio::awaitable<void> {
        result = co_await pool_->run(job);
        EXPECT_TRUE(job_ended);
        try {
            co_await pool_->run(job);
        } catch (const std::exception&) {
            refused_afterwards = true;  // the cancellation shows at the next await
        }
    };
    asio::cancellation_signal signal;
    bool done = false;
    const auto finish = [&](std::exception_ptr) { done = true; };
    asio::co_spawn(context_, caller(), asio::bind_cancellation_slot(signal.slot(), finish));
    context_.poll();
    started.get_future().wait();
    signal.emit(asio::cancellation_type::terminal);
    context_.restart();
    context_.poll();
    EXPECT_FALSE(done);
    may_end.set_value();
    context_.restart();
    context_.run();
    EXPECT_TRUE(done);
    EXPECT_EQ(result, 7);
    EXPECT_TRUE(refused_afterwards);
}

TEST_F(WorkerPoolTest, DroppingWaitsForRunningAndQueuedJobsWithoutBlocking) {
    std::promise<void> may_end;
    std::shared_future<void> gate = may_end.get_future().share();
    std::atomic<int> executed = 0;
    const auto job = [&executed, gate] {
        gate.wait();
        ++executed;
    };
    int resumed = 0;
    const auto count = [&](std::exception_ptr error) {
        EXPECT_EQ(describe(error), "no error");
        ++resumed;
    };
    for (int i = 0; i < 10; ++i) asio::co_spawn(context_, pool_->run(job), count);
    bool dropped = false;
    asio::co_spawn(context_, pool_.async_drop(), [&](std::exception_ptr) { dropped = true; });
    context_.poll();  // returns although the workers are held
    EXPECT_FALSE(dropped);
    may_end.set_value();
    context_.restart();
    context_.run();
    EXPECT_TRUE(dropped);
    EXPECT_EQ(executed, 10);
    EXPECT_EQ(resumed, 10);
}

TEST_F(WorkerPoolTest, AJobThatComesWhileThePoolIsDroppedIsRefused) {
    std::promise<void> may_end;
    const auto held = [&] { may_end.get_future().wait(); };
    const auto late = [] { ADD_FAILURE() << "ran"; };
    const auto ignore = [](std::exception_ptr) {};
    WorkerPool& pool = *pool_;
    asio::co_spawn(context_, pool.run(held), ignore);
    context_.poll();
    bool dropped = false;
    asio::co_spawn(context_, pool_.async_drop(), [&](std::exception_ptr) { dropped = true; });
    context_.poll();
    ASSERT_FALSE(dropped);
    try {
        run_coroutine(context_, pool.run(late));
        ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::closed);
    }
    may_end.set_value();
    context_.restart();
    context_.run();
    EXPECT_TRUE(dropped);
}

TEST_F(WorkerPoolTest, APoolOfNoThreadsHasOne) {
    PoolBox small = WorkerPool::make(0);
    EXPECT_EQ(small->size(), 1U);
    EXPECT_EQ(pool_->size(), 2U);
    const auto job = [] { return 1; };
    EXPECT_EQ(run_coroutine(context_, small->run(job)), 1);
    run_coroutine(context_, small.async_drop());
    EXPECT_TRUE(small.is_dropped());
}

TEST_F(WorkerPoolTest, SignalsAreBlockedOnWorkers) {
    const auto job = [] {
        sigset_t blocked;
        pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        return sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1;
    };
    EXPECT_TRUE(run_coroutine(context_, pool_->run(job)));
}

}  // namespace
}  // namespace demofs
