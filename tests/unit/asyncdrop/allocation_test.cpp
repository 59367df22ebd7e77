// A guard and an inline drop allocate nothing: neither through operator new nor through the aligned_alloc
// that Asio uses for coroutine frames (which it recycles).
//
// A program of its own, because it replaces both. Sanitizers bring their own allocators; there it is skipped.
#include <gtest/gtest.h>
#include <malloc.h>

#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <cstdlib>
#include <new>

#include "resource.hpp"
#include "tests/support/run_coroutine.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ASYNCDROP_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ASYNCDROP_TEST_SANITIZED 1
#endif
#endif

namespace {
long allocations = 0;
}

#ifndef ASYNCDROP_TEST_SANITIZED
void* operator new(std::size_t size) {
    ++allocations;
    if (void* p = std::malloc(size)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    ++allocations;
    return memalign(alignment, size);
}
#endif

namespace asyncdrop_test {
namespace {

using asyncdrop::make_guard;
using test_support::run_coroutine;

/// Cleanup that ends without suspending.
struct Inline {
    Inline(asyncdrop::Passkey<Inline>, int& c) : count(&c) {}
    asio::awaitable<void> async_drop_impl() {
        ++*count;
        co_return;
    }
    int* count;
};

class Allocations : public testing::Test {
  protected:
    void SetUp() override {
#ifdef ASYNCDROP_TEST_SANITIZED
        GTEST_SKIP() << "the sanitizer has its own allocator";
#endif
    }
    asio::io_context context_;
    int cleanups_ = 0;
};

TEST_F(Allocations, TheCounterCounts) {
    const long before = allocations;
    delete new std::string(100, 'x');
    EXPECT_GT(allocations, before);
    const long aligned_before = allocations;
    std::free(std::aligned_alloc(64, 64));
    EXPECT_GT(allocations, aligned_before);
}

TEST_F(Allocations, AGuardAndItsDropAllocateNothing) {
    const auto coroutine = [this]() -> asio::awaitable<void> {
        long before = 0;
        for (int i = 0; i < 1010; ++i) {
            if (i == 10) before = allocations;  // Asio's recycling of frames has warmed up
            auto guard = make_guard<Inline>(cleanups_);
            co_await guard.async_drop();
        }
        EXPECT_EQ(allocations - before, 0);
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
            if (i == 10) before = allocations;
            co_await asyncdrop::with_async_drop(factory, body);
        }
        EXPECT_EQ(allocations - before, 0);
    };
    run_coroutine(context_, coroutine);
}

TEST_F(Allocations, DropInOrderAllocatesNothing) {
    const auto coroutine = [this]() -> asio::awaitable<void> {
        long before = 0;
        for (int i = 0; i < 1010; ++i) {
            if (i == 10) before = allocations;
            auto a = make_guard<Inline>(cleanups_);
            auto b = make_guard<Inline>(cleanups_);
            co_await asyncdrop::drop_in_order(a, b);
        }
        EXPECT_EQ(allocations - before, 0);
    };
    run_coroutine(context_, coroutine);
}

TEST_F(Allocations, AShieldAllocatesNothing) {
    Cancellable cancellable;
    const auto coroutine = [this]() -> asio::awaitable<void> {
        long before = 0;
        for (int i = 0; i < 1010; ++i) {
            if (i == 10) before = allocations;
            auto guard = make_guard<Inline>(cleanups_);
            co_await guard.async_drop();
        }
        EXPECT_EQ(allocations - before, 0);
    };
    cancellable.spawn(context_, coroutine);
    context_.run();  // not run_one(): Asio keeps its recycled blocks for the length of one call
    EXPECT_TRUE(cancellable.done());
}

TEST_F(Allocations, SynchronousDropAllocatesNothing) {
    Log log;
    log.reserve(2000);
    const long before = allocations;
    for (int i = 0; i < 1000; ++i) {
        auto guard = make_guard<SyncResource>(log);
        guard.drop_now();
    }
    EXPECT_EQ(allocations - before, 0);
}

}  // namespace
}  // namespace asyncdrop_test
