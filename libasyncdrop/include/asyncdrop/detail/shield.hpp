// The cancellation shield: lets a coroutine run to its end although its caller has been cancelled, or will be.
//
// How: Asio keeps one cancellation state for a whole stack of awaitables and consults it at each await. While
// a shield is up, that state and the slot it was made from lie in the shield, and the stack has a state that
// no signal reaches. A signal that arrives meanwhile is recorded in the caller's state, whose `cancelled()`
// tells of it when the shield is down again. (`reset_cancellation_state(disable_cancellation())` is no shield:
// it stays in force in the caller and swallows the signal.)
//
//     Shield shield;
//     if (can_be_cancelled(state)) co_await shield.exchange();     // up
//     ...
//     if (shield.up()) co_await shield.exchange();                 // down: on every way out, not in a catch block
//
// (In the code both are named locals: see CONTRIBUTING.) A frame that is destroyed with its shield up needs
// nothing: its stack is destroyed with it.
//
// Threads: none of its own; a stack belongs to one strand.
#pragma once

#include <asyncdrop/detail/asio_internals.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

namespace asio = boost::asio;

// Whether a cancellation signal could reach a coroutine with this state.
inline bool can_be_cancelled(const asio::cancellation_state& state) noexcept {
    return state.slot().is_connected();
}

class Shield {
  public:
    Shield() noexcept {}
    Shield(const Shield&) = delete;
    Shield& operator=(const Shield&) = delete;

    bool up() const noexcept { return up_; }

    // To be awaited at once.
    ExchangeRoute exchange() noexcept {
        if (!up_) std::construct_at(&kept_);
        up_ = !up_;
        return ExchangeRoute(kept_);
    }

  private:
    static_assert(std::is_trivially_destructible_v<CancellationRoute>);

    union {
        CancellationRoute
            kept_;  // the caller's, while it is up; unset before, since most drops need no shield
    };
    bool up_ = false;
};

// Awaits call(argument) where no cancellation reaches it; begin(argument) is called when nothing but the
// coroutine itself can fail any more. To be awaited, by a coroutine that may have been
// cancelled, while `throw_if_cancelled(false)` is in force, which it is afterwards, too. (A pointer pair instead
// of a template: g++ warns of coroutine frames that hold a lambda.)
asio::awaitable<void> call_shielded(asio::awaitable<void> (*call)(void*), void (*begin)(void*) noexcept,
                                    void* argument);

asio::awaitable<void> nothing_to_await();

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/shield.ipp>
#endif
