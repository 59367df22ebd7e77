// A guard and an inline drop allocate nothing: neither through operator new nor through the aligned_alloc
// that Asio uses for coroutine frames (which it recycles).
//
// A program of its own, because the counter replaces both.
#include <asyncdrop/drop_in_order.hpp>

#include <gtest/gtest.h>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <cstdlib>

#include "tests/support/allocation_counter.hpp"
#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::make_guard;
using test_support::allocations;
using test_support::run_coroutine;

/// Cleanup that ends without suspending.
struct Inline {
    Inline(asyncdrop::Passkey<Inline>, int& c) : count(&c) {}
    Inline(Inline&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() {
        ++*count;
        co_return;
    }
    int* count;
};

class Allocations : public testing::Test {
  protected:
    void SetUp() override {
        if (!test_support::counts_allocations()) GTEST_SKIP() << "the sanitizer has its own allocator";
    }
    asio::io_context context_;
    int cleanups_ = 0;
};

TEST_F(Allocations, TheCounterCounts) {
    const long before = allocations();
    delete new std::string(100, 'x');
    EXPECT_GT(allocations(), before);
    const long aligned_before = allocations();
    void* volatile memory = std::aligned_alloc(64, 64);  // or the pair is optimised away
    std::free(memory);
    EXPECT_GT(allocations(), aligned_before);
}

TEST_F(Allocations, AGuardAndItsDropAllocateNothing) {
    const auto coroutine = [this]() -> asio::awaitable<void> {
        long before = 0;
        for (int i = 0; i < 1010; ++i) {
            if (i == 10) before = allocations();  // Asio's recycling of frames has warmed up
            auto guard = make_guard<Inline>(cleanups_);
            co_await guard.async_drop();
        }
        EXPECT_EQ(allocations() - before, 0);
    };
    run_coroutine(context_, coroutine);
    EXPECT_EQ(cleanups_, 1010);
}

TEST_F(Allocations, ABracketAllocatesNothing) {
    const auto coroutine = [this]() -> asio::awaitable<void> {
        const auto factory = [this] { return make_guard<Inline>(cleanups_); };
        const auto body = [](Inline&) {};
        long before = 0;
        for (int i = 0; i < 1010; ++i) {
            if (i == 10) before = allocations();
            co_await asyncdrop::with_async_drop(factory, body);
        }
        EXPECT_EQ(allocations() - before, 0);
    };
    run_coroutine(context_, coroutine);
}

TEST_F(Allocations, DropInOrderAllocatesNothing) {
    const auto coroutine = [this]() -> asio::awaitable<void> {
        long before = 0;
        for (int i = 0; i < 1010; ++i) {
            if (i == 10) before = allocations();
            auto a = make_guard<Inline>(cleanups_);
            auto b = make_guard<Inline>(cleanups_);
            co_await asyncdrop::drop_in_order(a, b);
        }
        EXPECT_EQ(allocations() - before, 0);
    };
    run_coroutine(context_, coroutine);
}

TEST_F(Allocations, AShieldAllocatesNothing) {
    Cancellable cancellable;
    const auto coroutine = [this]() -> asio::awaitable<void> {
        long before = 0;
        for (int i = 0; i < 1010; ++i) {
            if (i == 10) before = allocations();
            auto guard = make_guard<Inline>(cleanups_);
            co_await guard.async_drop();
        }
        EXPECT_EQ(allocations() - before, 0);
    };
    cancellable.spawn(context_, coroutine);
    context_.run();  // not run_one(): Asio keeps its recycled blocks for the length of one call
    EXPECT_TRUE(cancellable.done());
}

TEST_F(Allocations, SynchronousDropAllocatesNothing) {
    Journal log;
    for (int i = 0; i < 2000; ++i) log.add("");
    log.clear();  // which keeps the room
    const long before = allocations();
    for (int i = 0; i < 1000; ++i) {
        auto guard = make_guard<SyncResource>(log);
        guard.drop_now();
    }
    EXPECT_EQ(allocations() - before, 0);
}

}  // namespace
}  // namespace asyncdrop_test
