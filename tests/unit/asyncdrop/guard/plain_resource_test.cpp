// A guarded resource that is as plain as can be: no destructor, nothing but its cleanup.

#include <asyncdrop/async_drop.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/guard.hpp>
#include <type_traits>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace plain_resource_test {  // not anonymous: g++ warns of coroutine frames that hold such types

struct Plain {
    asio::awaitable<void> async_drop_impl() {
        ++*cleanups;
        if (fails) throw std::runtime_error("disk full");
        co_return;
    }
    int* cleanups;
    bool fails;
};
static_assert(std::is_trivially_destructible_v<Plain>);

TEST(PlainResource, IsCleanedUpOnce) {
    int cleanups = 0;
    asio::io_context context;
    auto guard = asyncdrop::AsyncDropGuard<Plain>::adopt(Plain{&cleanups, false});
    test_support::run_coroutine(context, guard.async_drop());
    EXPECT_EQ(cleanups, 1);
    EXPECT_TRUE(guard.is_dropped());
}

TEST(PlainResource, DeliversTheErrorOfItsCleanup) {
    int cleanups = 0;
    asio::io_context context;
    auto guard = asyncdrop::AsyncDropGuard<Plain>::adopt(Plain{&cleanups, true});
    EXPECT_EQ(test_support::run_coroutine(context, outcome_of(guard.async_drop())), "disk full");
    EXPECT_EQ(cleanups, 1);
    EXPECT_TRUE(guard.is_dropped());
}

}  // namespace plain_resource_test
