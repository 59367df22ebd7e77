// try_async_drop(): the error of a cleanup as a value, without any exception.

#include <asyncdrop/exception_to_error.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <new>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/errors/thrown_exceptions.hpp"
#include "tests/unit/asyncdrop/support/valued.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;
using asyncdrop::DropResult;
using asyncdrop::make_box;
using asyncdrop::make_guard;
using test_support::run_coroutine;

class TryAsyncDrop : public testing::Test {
  protected:
    template <class E, class Owner>
    DropResult<E> drop(Owner& owner) {
        return run_coroutine(context_, owner.try_async_drop());
    }

    asio::io_context context_;
    int closed_ = 0;
};

TEST_F(TryAsyncDrop, TheCountOfExceptionsCounts) {
    if (!counts_exceptions()) GTEST_SKIP() << "the sanitizer throws by itself";
    const long before = thrown_exceptions();
    EXPECT_THROW(throw std::bad_alloc(), std::bad_alloc);
    EXPECT_EQ(thrown_exceptions(), before + 1);
}

TEST_F(TryAsyncDrop, ReturnsTheErrorOfTheCleanup) {
    auto guard = make_guard<Valued>(closed_, io_error());
    const long before = thrown_exceptions();
    const auto result = drop<error_code>(guard);
    EXPECT_EQ(thrown_exceptions(), before);
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error(), io_error());
    EXPECT_TRUE(guard.is_dropped());
    EXPECT_EQ(closed_, 1);
}

TEST_F(TryAsyncDrop, SucceedsLikeTheCleanup) {
    auto guard = make_guard<Valued>(closed_);
    EXPECT_TRUE(drop<error_code>(guard).has_value());
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(TryAsyncDrop, ASecondOneSucceedsAndDoesNothing) {
    auto guard = make_guard<Valued>(closed_, io_error());
    EXPECT_TRUE(drop<error_code>(guard).has_error());
    EXPECT_TRUE(drop<error_code>(guard).has_value());
    AsyncDropGuard<Valued> empty;
    EXPECT_TRUE(drop<error_code>(empty).has_value());
    EXPECT_EQ(closed_, 1);
}

TEST_F(TryAsyncDrop, ThePlainDropThrowsTheSameErrorAsAnException) {
    auto guard = make_guard<Valued>(closed_, io_error());
    try {
        run_coroutine(context_, guard.async_drop());
        FAIL() << "it should have thrown";
    } catch (const boost::system::system_error& error) {
        EXPECT_EQ(error.code(), io_error());
    }
}

TEST_F(TryAsyncDrop, ABoxReturnsTheErrorWithoutAnException) {
    AsyncDropBox<Valued> box = make_box<Valued>(closed_, io_error());
    const long before = thrown_exceptions();
    EXPECT_EQ(drop<error_code>(box).error(), io_error());
    EXPECT_EQ(thrown_exceptions(), before);
    EXPECT_TRUE(box.is_dropped());
}

TEST_F(TryAsyncDrop, TheLastArcReturnsTheErrorAndTheOthersNothing) {
    AsyncDropArc<Valued> first(make_guard<Valued>(closed_, io_error()));
    AsyncDropArc<Valued> second = first.clone();
    const long before = thrown_exceptions();
    EXPECT_TRUE(drop<error_code>(first).has_value());
    EXPECT_EQ(closed_, 0);
    EXPECT_EQ(drop<error_code>(second).error(), io_error());
    EXPECT_EQ(thrown_exceptions(), before);
    EXPECT_TRUE(second.is_dropped());
    EXPECT_EQ(closed_, 1);
}

asio::awaitable<void> wait_for_end(AsyncDropArc<Valued>& arc) {
    co_await arc.async_drop_and_wait();
}

TEST_F(TryAsyncDrop, AnOwnerThatWaitsGetsTheSameErrorAsAnException) {
    AsyncDropArc<Valued> waiting(make_guard<Valued>(closed_, io_error()));
    AsyncDropArc<Valued> last = waiting.clone();
    std::exception_ptr heard;
    asio::co_spawn(context_, wait_for_end(waiting),
                   [&](std::exception_ptr error) { heard = std::move(error); });
    context_.poll();
    EXPECT_EQ(drop<error_code>(last).error(), io_error());
    context_.restart();
    context_.run();
    EXPECT_THROW(std::rethrow_exception(heard), boost::system::system_error);
}

TEST_F(TryAsyncDrop, AnExceptionOfTheCleanupBecomesAnErrorCode) {
    auto guard = make_guard<Valued>(closed_);
    guard->throws = true;
    static std::string said;
    const auto former = asyncdrop::set_message_sink([](std::string_view line) noexcept { said = line; });
    const auto result = drop<error_code>(guard);
    asyncdrop::set_message_sink(former);
    EXPECT_EQ(result.error(), errc::make_error_code(errc::state_not_recoverable));
    EXPECT_NE(said.find("thrown by the cleanup"), std::string::npos) << said;
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(TryAsyncDrop, TellsMemoryAndSystemErrorsByTheirCodes) {
    using Boost = asyncdrop::exception_to_error<error_code>;
    using Std = asyncdrop::exception_to_error<std::error_code>;
    EXPECT_EQ(Boost::convert(std::make_exception_ptr(std::bad_alloc())), errc::not_enough_memory);
    EXPECT_EQ(Boost::convert(std::make_exception_ptr(boost::system::system_error(io_error()))), io_error());
    EXPECT_EQ(Std::convert(std::make_exception_ptr(std::bad_alloc())), std::errc::not_enough_memory);
    const auto code = std::make_error_code(std::errc::io_error);
    EXPECT_EQ(Std::convert(std::make_exception_ptr(std::system_error(code))), code);
}

struct Throwing {
    asio::awaitable<void> async_drop_impl() {
        throw std::runtime_error("by exception");
        co_return;
    }
};

TEST_F(TryAsyncDrop, ACleanupThatThrowsGivesItsExceptionAsTheValue) {
    auto guard = AsyncDropGuard<Throwing>::adopt(Throwing());
    const auto result = drop<std::exception_ptr>(guard);
    ASSERT_TRUE(result.has_error());
    EXPECT_THROW(std::rethrow_exception(result.error()), std::runtime_error);
}

TEST_F(TryAsyncDrop, AForeignTypeMayHaveAResultTypeOfItsOwn) {
    static_assert(std::is_same_v<asyncdrop::async_drop_error_t<Foreign>, Mistake>);
    auto good = AsyncDropGuard<Foreign>::adopt(Foreign{&closed_});
    EXPECT_TRUE(drop<Mistake>(good).has_value());
    auto bad = AsyncDropGuard<Foreign>::adopt(Foreign{&closed_, true});
    EXPECT_EQ(drop<Mistake>(bad).error().text, "foreign");
    auto thrower = AsyncDropGuard<Foreign>::adopt(Foreign{&closed_, true});
    EXPECT_THROW(run_coroutine(context_, thrower.async_drop()), Mistake);
    EXPECT_EQ(closed_, 3);
}

TEST_F(TryAsyncDrop, AForeignTypeMayBeClosedByAPlainFunction) {
    static_assert(std::is_same_v<asyncdrop::async_drop_error_t<Handle>, asyncdrop::never>);
    auto guard = AsyncDropGuard<Handle>::adopt(Handle{&closed_});
    EXPECT_TRUE(drop<asyncdrop::never>(guard).has_value());
    auto box = AsyncDropGuard<Handle>::adopt(Handle{&closed_}).into_box();
    EXPECT_TRUE(drop<asyncdrop::never>(box).has_value());
    EXPECT_EQ(closed_, 2);
}

TEST_F(TryAsyncDrop, ACoroutineThatCannotFailHasTheErrorTypeNever) {
    static_assert(std::is_same_v<asyncdrop::async_drop_error_t<Infallible>, asyncdrop::never>);
    auto guard = make_guard<Infallible>(closed_);
    EXPECT_TRUE(drop<asyncdrop::never>(guard).has_value());
    EXPECT_EQ(closed_, 1);
}

struct Base {
    virtual int id() const = 0;

  protected:
    ~Base() = default;
};
struct Derived final : Base {
    explicit Derived(int& c) : closed(&c) {}
    int id() const override { return 7; }
    asio::awaitable<Result<void>> async_drop_impl() {
        ++*closed;
        co_return Result<void>(boost::system::in_place_error, io_error());
    }
    int* closed;
};

TEST_F(TryAsyncDrop, ABoxOfABaseThatKnowsNoCleanupGivesAnyErrorAsAnException) {
    AsyncDropBox<Base> box = make_box<Derived>(closed_);
    const auto result = drop<std::exception_ptr>(box);
    ASSERT_TRUE(result.has_error());
    EXPECT_THROW(std::rethrow_exception(result.error()), boost::system::system_error);
}

}  // namespace
}  // namespace asyncdrop_test
