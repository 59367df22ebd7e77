// An uncontended lock costs no allocation and no turn of the executor.

#include <gtest/gtest.h>

#include <malloc.h>

#include <asyncdrop/mutex.hpp>
#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/support/run_coroutine.hpp"

namespace {
std::atomic<int> allocations{0};
}

// Sanitizers bring their own allocator, which must not be replaced.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ASYNCDROP_TEST_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ASYNCDROP_TEST_SANITIZED
#endif

#ifndef ASYNCDROP_TEST_SANITIZED
// Asio's frames come from aligned_alloc, everything else from operator new.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    ++allocations;
    return memalign(alignment, size);
}
void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
#endif

namespace {

namespace asio = boost::asio;

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
#ifdef ASYNCDROP_TEST_SANITIZED
    GTEST_SKIP() << "a sanitizer owns the allocator";
#endif
    asio::io_context context;
    auto mutex = asyncdrop::AsyncDropMutex<Plain>::create(asyncdrop::make_guard<Plain>());
    bool other_ran = false;
    test_support::run_coroutine(context, [&]() -> asio::awaitable<void> {
        asio::post(context, [&] { other_ran = true; });
        // The first frames are allocated, later ones recycled; it takes a few until every size has its block.
        for (int round = 0; round < 5; ++round) co_await lock_often(*mutex, 10);
        const int before = allocations;
        co_await lock_often(*mutex, 1000);
        EXPECT_EQ(allocations - before, 0);
        EXPECT_FALSE(other_ran);
    });
    EXPECT_GT(allocations.load(), 0);  // the counters do count
    test_support::run_coroutine(context, mutex.async_drop());
}

}  // namespace
