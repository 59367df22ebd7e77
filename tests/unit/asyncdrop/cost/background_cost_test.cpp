// What scopes, tasks and gates allocate once Asio's recycling of frames has warmed up.
#include <gtest/gtest.h>

#include <asyncdrop/gate.hpp>
#include <asyncdrop/scope.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/support/allocation_counter.hpp"
#include "tests/support/run_coroutine.hpp"

namespace {

namespace asio = boost::asio;
using asyncdrop::AsyncDropGate;
using asyncdrop::AsyncDropScope;
using test_support::allocations;

asio::awaitable<void> nothing() {
    co_return;
}

class BackgroundCost : public testing::Test {
  protected:
    void SetUp() override {
        if (!test_support::counts_allocations()) GTEST_SKIP() << "the sanitizer has its own allocator";
    }

    // What each of a thousand runs of `step`, a function that returns an awaitable, allocates.
    template <class Step>
    double allocations_of(Step& step) {
        double each = 0;
        test_support::run_coroutine(context_, [&]() -> asio::awaitable<void> {
            long before = 0;
            for (int i = 0; i < 1050; ++i) {
                if (i == 50) before = allocations();
                co_await step();
            }
            each = static_cast<double>(allocations() - before) / 1000;
        });
        return each;
    }

    asio::io_context context_;
};

TEST_F(BackgroundCost, APassOfAGateAllocatesNothing) {
    auto gate = AsyncDropGate::create();
    auto step = [&gate]() -> asio::awaitable<void> {
        AsyncDropGate::Pass pass = gate->enter("GET /");
        const AsyncDropGate::Pass moved = std::move(pass);
        EXPECT_EQ(gate->size(), 1u);
        co_return;
    };
    EXPECT_EQ(allocations_of(step), 0);
    test_support::run_coroutine(context_, gate.async_drop());
}

TEST_F(BackgroundCost, AGateAllocatesItsState) {
    auto step = []() -> asio::awaitable<void> {
        auto gate = AsyncDropGate::create();
        co_await gate.async_drop();
    };
    EXPECT_EQ(allocations_of(step), 1);
}

TEST_F(BackgroundCost, AnEmptyScopeAllocatesItsState) {
    const asio::any_io_executor executor = context_.get_executor();
    auto step = [executor]() -> asio::awaitable<void> {
        auto scope = AsyncDropScope::create(executor);
        co_await scope.async_drop();
    };
    EXPECT_EQ(allocations_of(step), 1);
}

TEST_F(BackgroundCost, ATaskOfAScopeAllocatesHardlyMoreThanACoroutineOnAStrand) {
    auto scope = AsyncDropScope::create(context_.get_executor());
    const asio::any_io_executor executor = context_.get_executor();
    auto step = [&scope, executor]() -> asio::awaitable<void> {
        scope->spawn("task", nothing());
        while (scope->size() > 0) co_await asio::post(executor, asio::use_awaitable);
    };
    auto by_hand = [executor]() -> asio::awaitable<void> {
        asio::any_io_executor strand = asio::make_strand(executor);
        asio::cancellation_signal signal;
        bool ended = false;
        const auto end = [&ended](const std::exception_ptr&) { ended = true; };
        asio::co_spawn(strand, nothing(), asio::bind_cancellation_slot(signal.slot(), end));
        while (!ended) co_await asio::post(executor, asio::use_awaitable);
    };
    // Most of both are executors: each property that Asio requires of a strand is another one. The scope's
    // own are the task, its body and signal, and what starts it.
    EXPECT_LE(allocations_of(step), allocations_of(by_hand) + 8);
    test_support::run_coroutine(context_, scope.async_drop());
}

}  // namespace
