// The cancellation shield: runs a coroutine to its end although its caller has been cancelled, or will be.
//
// How: Asio keeps one cancellation state for a whole stack of awaitables and consults it at each await unless
// `throw_if_cancelled(false)` is in force. So the flag is lowered for one await, and what is awaited is a
// coroutine spawned without a cancellation slot: a stack of its own, which no signal reaches. A signal that
// arrives meanwhile is recorded in the caller's state, whose `cancelled()` stays truthful throughout.
// (`reset_cancellation_state(disable_cancellation())` is no shield: it stays in force in the caller and
// swallows the signal.) The spawned stack costs 0.5 to 2.5 us; without a connected slot it is not needed.
//
// Threads: the spawned coroutine runs on the caller's executor.
#pragma once

#include <asyncdrop/detail/spawn.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

namespace asyncdrop::detail {

namespace asio = boost::asio;

// Spawns `start`, a function object that returns an awaitable<void>, out of reach of cancellation. To be
// awaited while `throw_if_cancelled(false)` is in force. Throws if it could not be started.
template <class Start>
asio::awaitable<void> spawn_shielded(asio::any_io_executor executor, Start start) {
    return spawn_and_wait<asio::any_io_executor, true>(std::move(executor), std::move(start));
}

// Whether a cancellation signal could reach a coroutine with this state.
inline bool can_be_cancelled(const asio::cancellation_state& state) noexcept {
    return state.slot().is_connected();
}

// Awaits call(argument) where no cancellation reaches it; begin(argument) is called when nothing but the
// coroutine itself can fail any more. To be awaited, by a coroutine that may have been
// cancelled, while `throw_if_cancelled(false)` is in force. (A pointer pair instead of a template: g++ warns
// of coroutine frames that hold a lambda.)
inline asio::awaitable<void> call_shielded(asio::awaitable<void> (*call)(void*),
                                           void (*begin)(void*) noexcept, void* argument) {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (!can_be_cancelled(state)) {
        asio::awaitable<void> called = call(argument);
        begin(argument);
        co_await std::move(called);
    } else {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        Ending<void> ending;
        const auto start = [call, begin, argument, &ending]() {
            asio::awaitable<void> called = note_ending(call(argument), ending);
            begin(argument);
            return called;
        };
        asio::awaitable<void> spawned = spawn_shielded(executor, start);
        std::exception_ptr failed;
        try {
            co_await std::move(spawned);
        } catch (...) {
            failed = std::current_exception();
        }
        if (ending.error) std::rethrow_exception(ending.error);
        if (!ending.ended()) std::rethrow_exception(failed);
    }
}

inline asio::awaitable<void> nothing_to_await() {
    co_return;
}

}  // namespace asyncdrop::detail
