// try_with_async_drop: the bracket whose errors are values.

#include <asyncdrop/try_with_async_drop.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/error.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/valued.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropGuard;
using asyncdrop::make_guard;
using asyncdrop::try_with_async_drop;
using test_support::run_coroutine;

error_code busy() {
    return errc::make_error_code(errc::device_or_resource_busy);
}

class TryBracket : public testing::Test {
  protected:
    asio::io_context context_;
    int closed_ = 0;
};

TEST_F(TryBracket, ReturnsTheValueOfTheBody) {
    const auto open = [this] { return make_guard<Valued>(closed_); };
    const auto use = [](Valued&) -> asio::awaitable<Result<int>> { co_return 7; };
    const Result<int> result = run_coroutine(context_, try_with_async_drop(open, use));
    EXPECT_EQ(*result, 7);
    EXPECT_EQ(closed_, 1);
}

TEST_F(TryBracket, AFactoryThatFailsEndsItWithItsError) {
    const auto open = []() -> asio::awaitable<Result<AsyncDropGuard<Valued>>> {
        co_return Result<AsyncDropGuard<Valued>>(boost::system::in_place_error, busy());
    };
    bool used = false;
    const auto use = [&used](Valued&) { used = true; };
    const Result<void> result = run_coroutine(context_, try_with_async_drop(open, use));
    EXPECT_EQ(result.error(), busy());
    EXPECT_FALSE(used);
}

TEST_F(TryBracket, TheErrorOfTheBodyIsReturnedAfterTheCleanup) {
    const auto open = [this]() -> Result<AsyncDropGuard<Valued>> { return make_guard<Valued>(closed_); };
    const auto use = [](Valued&) { return Result<int>(busy()); };
    EXPECT_EQ(run_coroutine(context_, try_with_async_drop(open, use)).error(), busy());
    EXPECT_EQ(closed_, 1);
}

TEST_F(TryBracket, TheErrorOfTheCleanupIsReturnedIfTheBodySucceeded) {
    const auto open = [this] { return make_guard<Valued>(closed_, io_error()); };
    const auto use = [](Valued&) { return 7; };
    const Result<int> result = run_coroutine(context_, try_with_async_drop(open, use));
    EXPECT_EQ(result.error(), io_error());
}

TEST_F(TryBracket, OfTwoErrorsTheBodysIsReturnedAndTheCleanupsHandedOver) {
    const auto open = [this] { return make_guard<Valued>(closed_, io_error()); };
    const auto use = [](Valued&) { return Result<int>(busy()); };
    std::optional<error_code> second;
    const auto note = asyncdrop::on_suppressed([&second](const error_code& error) { second = error; });
    EXPECT_EQ(run_coroutine(context_, try_with_async_drop(open, use, note)).error(), busy());
    EXPECT_EQ(second, io_error());
}

TEST_F(TryBracket, ASecondErrorThatNobodyTakesIsPrinted) {
    static std::string said;
    const auto former = asyncdrop::set_message_sink([](std::string_view line) noexcept { said = line; });
    const auto open = [this] { return make_guard<Valued>(closed_, io_error()); };
    const auto use = [](Valued&) { return Result<int>(busy()); };
    EXPECT_EQ(run_coroutine(context_, try_with_async_drop(open, use)).error(), busy());
    asyncdrop::set_message_sink(former);
    EXPECT_NE(said.find("try_bracket_test.cpp"), std::string::npos) << said;
}

TEST_F(TryBracket, AnExceptionOfTheBodyTakesTheErrorOfTheCleanupAlong) {
    const auto open = [this] { return make_guard<Valued>(closed_, io_error()); };
    const auto use = [](Valued&) -> asio::awaitable<Result<int>> {
        throw std::logic_error("body");
        co_return 1;
    };
    try {
        run_coroutine(context_, try_with_async_drop(open, use));
        FAIL() << "it should have thrown";
    } catch (const asyncdrop::AsyncDropError& error) {
        EXPECT_THROW(std::rethrow_exception(error.primary()), std::logic_error);
        ASSERT_EQ(error.suppressed().size(), 1u);
        EXPECT_THROW(std::rethrow_exception(error.suppressed()[0].error), boost::system::system_error);
    }
    EXPECT_EQ(closed_, 1);
}

TEST_F(TryBracket, WhatCannotFailIsNoResult) {
    const auto open = [this] { return make_guard<Infallible>(closed_); };
    const auto use = [](Infallible&) { return 7; };
    const int value = run_coroutine(context_, try_with_async_drop(open, use));
    EXPECT_EQ(value, 7);
    const auto nothing = [](Infallible&) {};
    static_assert(std::is_same_v<decltype(try_with_async_drop(open, nothing)), asio::awaitable<void>>);
    run_coroutine(context_, try_with_async_drop(open, nothing));
    EXPECT_EQ(closed_, 2);
}

TEST_F(TryBracket, BorrowsAGuardThatExists) {
    auto guard = make_guard<Valued>(closed_, io_error());
    const auto use = [](Valued&) {};
    const Result<void> result = run_coroutine(context_, try_with_async_drop(guard, use));
    EXPECT_EQ(result.error(), io_error());
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(TryBracket, DropsAResultThatIsItselfAGuardIfTheCleanupFails) {
    int inner_closed = 0;
    const auto open = [this] { return make_guard<Valued>(closed_, io_error()); };
    const auto use = [&inner_closed](Valued&) -> Result<AsyncDropGuard<Valued>> {
        return make_guard<Valued>(inner_closed);
    };
    const auto result = run_coroutine(context_, try_with_async_drop(open, use));
    EXPECT_EQ(result.error(), io_error());
    EXPECT_EQ(inner_closed, 1);
}

TEST_F(TryBracket, DropsGuardsInsideAResultIfTheCleanupFails) {
    int inner_closed = 0;
    std::vector<error_code> suppressed;
    const auto open = [this] { return make_guard<Valued>(closed_, io_error()); };
    const auto use = [&inner_closed](Valued&) {
        return std::tuple(make_guard<Valued>(inner_closed), 1,
                          std::optional(make_guard<Valued>(inner_closed, error_code(io_error()))));
    };
    auto note = asyncdrop::on_suppressed([&suppressed](error_code error) { suppressed.push_back(error); });
    const auto result = run_coroutine(context_, try_with_async_drop(open, use, note));
    EXPECT_EQ(result.error(), io_error());
    EXPECT_EQ(inner_closed, 2);
    EXPECT_EQ(suppressed, std::vector{io_error()});
}

TEST_F(TryBracket, HandsAResultThatIsAGuardOut) {
    int inner_closed = 0;
    const auto open = [this] { return make_guard<Valued>(closed_); };
    const auto use = [&inner_closed](Valued&) -> Result<AsyncDropGuard<Valued>> {
        return make_guard<Valued>(inner_closed);
    };
    auto result = run_coroutine(context_, try_with_async_drop(open, use));
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(inner_closed, 0);
    context_.restart();
    run_coroutine(context_, result->async_drop());
    EXPECT_EQ(inner_closed, 1);
}

}  // namespace
}  // namespace asyncdrop_test
