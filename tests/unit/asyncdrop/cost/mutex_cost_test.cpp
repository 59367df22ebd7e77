// An uncontended lock costs no allocation and no turn of the executor.

#include <gtest/gtest.h>

#include <asyncdrop/mutex.hpp>

#include "tests/support/allocation_counter.hpp"
#include "tests/support/run_coroutine.hpp"

namespace {

namespace asio = boost::asio;
using test_support::allocations;

struct Plain {
    asio::awaitable<void> async_drop_impl() { co_return; }
    int value = 0;
};

asio::awaitable<void> lock_often(const asyncdrop::AsyncDropMutex<Plain>& mutex, int times) {
    for (int i = 0; i < times; ++i) {
        auto lock = co_await mutex.lock();
        ++lock->value;
    }
}

TEST(MutexCost, UncontendedLocksAllocateNothingAndPostNothing) {
    if (!test_support::counts_allocations()) GTEST_SKIP() << "a sanitizer owns the allocator";
    asio::io_context context;
    auto mutex = asyncdrop::AsyncDropMutex<Plain>::create(asyncdrop::make_guard<Plain>());
    bool other_ran = false;
    test_support::run_coroutine(context, [&]() -> asio::awaitable<void> {
        asio::post(context, [&] { other_ran = true; });
        // The first frames are allocated, later ones recycled; it takes a few until every size has its block.
        for (int round = 0; round < 5; ++round) co_await lock_often(*mutex, 10);
        const long before = allocations();
        co_await lock_often(*mutex, 1000);
        EXPECT_EQ(allocations() - before, 0);
        EXPECT_FALSE(other_ran);
    });
    EXPECT_GT(allocations(), 0);  // the counters do count
    test_support::run_coroutine(context, mutex.async_drop());
}

}  // namespace
