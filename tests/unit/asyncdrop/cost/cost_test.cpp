// What boxes, Arcs and the forms of the bracket allocate, exactly, and how big the owners are. (Guards, the
// plain bracket and the shield: tests/unit/asyncdrop/allocation_test.cpp.)
#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/with_async_drop.hpp>

#include "tests/support/allocation_counter.hpp"
#include "tests/support/run_coroutine.hpp"

namespace {

namespace asio = boost::asio;
using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;
using asyncdrop::make_box;
using asyncdrop::make_guard;
using test_support::allocations;

/// Cleanup that ends without suspending.
class Inline {
  public:
    Inline(asyncdrop::Passkey<Inline>, int& cleanups) : cleanups_(&cleanups) {}
    Inline(Inline&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() {
        ++*cleanups_;
        co_return;
    }

  private:
    int* cleanups_;
};

constexpr std::size_t word = sizeof(void*);
static_assert(sizeof(AsyncDropGuard<Inline>) == sizeof(Inline) + 2 * word);
static_assert(sizeof(AsyncDropBox<Inline>) <= 4 * word);
static_assert(sizeof(AsyncDropArc<Inline>) <= 5 * word);

class Cost : public testing::Test {
  protected:
    void SetUp() override {
        if (!test_support::counts_allocations()) GTEST_SKIP() << "the sanitizer has its own allocator";
    }

    /// Runs `step`, a function that returns an awaitable, a thousand times in one coroutine and expects so
    /// many allocations of each run, when Asio's recycling of frames has warmed up.
    template <class Step>
    void expect_allocations(long each, Step& step) {
        test_support::run_coroutine(context_, [&]() -> asio::awaitable<void> {
            long before = 0;
            for (int i = 0; i < 1010; ++i) {
                if (i == 10) before = allocations();
                co_await step();
            }
            EXPECT_EQ(allocations() - before, 1000 * each);
        });
    }

    asio::io_context context_;
    int cleanups_ = 0;
};

TEST_F(Cost, ABoxAllocatesItsValueOnly) {
    auto step = [this]() -> asio::awaitable<void> {
        auto box = make_box<Inline>(cleanups_);
        co_await box.async_drop();
    };
    expect_allocations(1, step);
    EXPECT_EQ(cleanups_, 1010);
}

TEST_F(Cost, AnArcAllocatesItsBlockBesidesTheValueOnTheHeap) {
    auto from_guard = [this]() -> asio::awaitable<void> {
        AsyncDropArc<Inline> arc(make_guard<Inline>(cleanups_));
        co_await arc.async_drop();
    };
    expect_allocations(2, from_guard);
    auto from_box = [this]() -> asio::awaitable<void> {
        AsyncDropArc<Inline> arc(make_box<Inline>(cleanups_));
        co_await arc.async_drop();
    };
    expect_allocations(2, from_box);
    EXPECT_EQ(cleanups_, 2020);
}

TEST_F(Cost, ACloneOfAnArcAndItsDropAllocateNothing) {
    AsyncDropArc<Inline> arc(make_guard<Inline>(cleanups_));
    auto released = [&arc]() -> asio::awaitable<void> {
        auto clone = arc.clone();
        EXPECT_TRUE(clone.try_release());
        co_return;
    };
    expect_allocations(0, released);
    auto dropped = [&arc]() -> asio::awaitable<void> {
        auto clone = arc.clone();
        co_await clone.async_drop();
    };
    expect_allocations(0, dropped);
    EXPECT_EQ(cleanups_, 0);
    test_support::run_coroutine(context_, arc.async_drop());
    EXPECT_EQ(cleanups_, 1);
}

TEST_F(Cost, NoFormOfTheBracketAllocates) {
    const auto made = [this] { return make_guard<Inline>(cleanups_); };
    const auto awaited = [this]() -> asio::awaitable<AsyncDropGuard<Inline>> {
        co_return make_guard<Inline>(cleanups_);
    };
    const auto number = [](Inline&) -> asio::awaitable<int> { co_return 1; };
    const auto two = [](Inline&, Inline&) {};

    auto asynchronous = [&]() -> asio::awaitable<void> {
        EXPECT_EQ(co_await asyncdrop::with_async_drop(awaited, number), 1);
    };
    expect_allocations(0, asynchronous);
    auto several = [&]() -> asio::awaitable<void> {
        co_await asyncdrop::with_async_drop(made, awaited, two);
    };
    expect_allocations(0, several);
    auto borrowed = [&]() -> asio::awaitable<void> {
        auto guard = make_guard<Inline>(cleanups_);
        co_await asyncdrop::with_async_drop(guard, number);
    };
    expect_allocations(0, borrowed);
    EXPECT_EQ(cleanups_, 4 * 1010);
}

}  // namespace
