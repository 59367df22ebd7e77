// Cleanup by hand in a coroutine that may have been cancelled.
//
// Asio throws at every `co_await` of a coroutine whose cancellation has been requested, *before* the awaited
// coroutine starts. A plain `co_await guard.async_drop();` would then never clean up. Two steps do:
//
//     co_await asyncdrop::even_if_cancelled;  // this await, and those that follow, are not refused
//     co_await guard.async_drop();            // runs shielded, then awaits throw again as before
//
// In a cleanup that a deadline may cancel (TeardownSettings::cancel_after), it comes before what must be done
// nevertheless; without an async_drop behind it, it lasts to the end of the coroutine. An operation that the
// deadline has interrupted reports operation_aborted: await it with redirect_error, then go on.
//
// `with_async_drop` does this by itself. The pair is for cleanup by hand: rollbacks, guards passed by value.
// Every async_drop() ends with Asio's default, `this_coro::throw_if_cancelled(true)`; a coroutine that runs
// with `false` on purpose sets it again.
//
// Threads: a constant.
#pragma once

#include <boost/asio/this_coro.hpp>

namespace asyncdrop {

/// `co_await even_if_cancelled;` lets the following await through although the coroutine is cancelled.
inline constexpr boost::asio::this_coro::throw_if_cancelled_1_t even_if_cancelled =
    boost::asio::this_coro::throw_if_cancelled(false);

}  // namespace asyncdrop
