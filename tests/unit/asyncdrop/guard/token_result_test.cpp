// try_async_drop() with completion tokens: void(DropResult<E>).

#include <asyncdrop/version.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>
#include <tuple>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/valued.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::DropResult;
using asyncdrop::make_box;
using asyncdrop::make_guard;
using test_support::run_coroutine;
using Ended = DropResult<error_code>;

class TryToken : public testing::Test {
  protected:
    auto note() {
        return [this](Ended result) { outcome = result.has_error() ? result.error().message() : "ok"; };
    }

    asio::io_context context;
    std::optional<std::string> outcome;
    int closed = 0;
};

TEST_F(TryToken, ACallbackGetsTheResult) {
    auto bad = make_guard<Valued>(closed, io_error());
    bad.try_async_drop(context.get_executor(), note());
    context.run();
    EXPECT_EQ(outcome, io_error().message());
    auto good = make_guard<Valued>(closed);
    good.try_async_drop(asio::bind_executor(context, note()));
    context.restart();
    context.run();
    EXPECT_EQ(outcome, "ok");
}

TEST_F(TryToken, BoxAndArcTakeThemToo) {
    auto box = make_box<Valued>(closed, io_error());
    box.try_async_drop(context.get_executor(), note());
    context.run();
    EXPECT_EQ(outcome, io_error().message());
    AsyncDropArc<Valued> arc(make_guard<Valued>(closed, io_error()));
    outcome.reset();
    arc.try_async_drop(context.get_executor(), note());
    context.restart();
    context.run();
    EXPECT_EQ(outcome, io_error().message());
}

TEST_F(TryToken, AFutureHoldsTheResult) {
    asio::thread_pool pool(1);
    auto guard = make_guard<Valued>(closed, io_error());
    const Ended ended = guard.try_async_drop(pool.get_executor(), asio::use_future).get();
    EXPECT_EQ(ended.error(), io_error());
}

TEST_F(TryToken, ADeferredOneStartsWhenItIsLaunched) {
    auto guard = make_guard<Valued>(closed, io_error());
    auto operation = guard.try_async_drop(context.get_executor(), asio::deferred);
    context.poll();
    EXPECT_EQ(closed, 0);
    std::move(operation)(note());
    context.restart();
    context.run();
    EXPECT_EQ(outcome, io_error().message());
}

asio::awaitable<Ended> drop_plainly(asyncdrop::AsyncDropGuard<Valued>& guard) {
    co_return co_await guard.try_async_drop(asio::use_awaitable);
}
asio::awaitable<Ended> drop_elsewhere(asyncdrop::AsyncDropGuard<Valued>& guard,
                                      asio::any_io_executor executor) {
    co_return co_await guard.try_async_drop(executor, asio::use_awaitable);
}
asio::awaitable<Ended> drop_as_tuple(asyncdrop::AsyncDropGuard<Valued>& guard,
                                     asio::any_io_executor executor) {
    constexpr auto token = asio::as_tuple(asio::use_awaitable);
    std::tuple<Ended> ended = co_await guard.try_async_drop(executor, token);
    co_return std::get<0>(ended);
}

TEST_F(TryToken, ACoroutineGetsTheResultWithoutAnException) {
    for (int way = 0; way < 3; ++way) {
        auto guard = make_guard<Valued>(closed, io_error());
        const asio::any_io_executor strand = asio::make_strand(context);
        auto dropping = way == 0   ? drop_plainly(guard)
                        : way == 1 ? drop_elsewhere(guard, strand)
                                   : drop_as_tuple(guard, strand);
        const Ended ended = run_coroutine(context, std::move(dropping));
        EXPECT_EQ(ended.error(), io_error()) << way;
    }
}

TEST_F(TryToken, ADropTakenBackIsAnErrorCode) {
    asio::cancellation_signal signal;
    auto guard = make_guard<Valued>(closed);
    guard.try_async_drop(context.get_executor(), asio::bind_cancellation_slot(signal.slot(), note()));
    signal.emit(asio::cancellation_type::total);
    context.run();
    EXPECT_EQ(outcome, make_error_code(asio::error::operation_aborted).message());
    EXPECT_TRUE(static_cast<bool>(guard));
    run_coroutine(context, guard.async_drop());
}

TEST_F(TryToken, AnErrorTypeOfTheirOwnIsToldWhatWasThrown) {
    auto guard = asyncdrop::AsyncDropGuard<Foreign>::adopt(Foreign{&closed, true});
    std::string text;
    guard.try_async_drop(context.get_executor(),
                         [&](const DropResult<Mistake>& result) { text = result.error().text; });
    context.run();
    EXPECT_EQ(text, "foreign");
}

}  // namespace
}  // namespace asyncdrop_test
