// Starts a coroutine of another stack and awaits it; a failure to start it is the caller's exception.
//
// Why not co_spawn(..., use_awaitable) alone: its initiation runs when the awaiting stack is suspended
// already and is owned by the completion handler. If memory for the new stack is short, the exception
// destroys that handler, the awaiting stack with all its guards, and leaves through the executor's run(). So
// here the handler waits in a block of its own, and whoever fails hands it the exception.
//
// Threads: the new stack runs on the executor it is given; the awaiting one resumes on its own.
#pragma once

#include <asyncdrop/detail/asio_internals.hpp>
#include <atomic>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

namespace asio = boost::asio;

// A completion handler that is called once, by whoever comes first.
template <class Handler>
struct RelayedHandler {
    explicit RelayedHandler(Handler&& h) : handler(std::move(h)) {}

    template <class... Arguments>
    void deliver(Arguments&&... arguments) {
        if (taken.exchange(true, std::memory_order_acq_rel)) return;
        Handler last = std::move(handler);
        std::move(last)(std::forward<Arguments>(arguments)...);
    }

    Handler handler;
    std::atomic<bool> taken{false};
};

// What co_spawn gets instead of the handler; looks like it, but for the cancellation slot if `slotless`.
template <class Handler, bool slotless>
class Relay {
  public:
    explicit Relay(std::shared_ptr<RelayedHandler<Handler>> relayed) noexcept
        : relayed_(std::move(relayed)) {}

    template <class... Arguments>
    void operator()(Arguments&&... arguments) {
        relayed_->deliver(std::forward<Arguments>(arguments)...);
    }
    const Handler& handler() const noexcept { return relayed_->handler; }

  private:
    std::shared_ptr<RelayedHandler<Handler>> relayed_;
};

// Puts a handler where an operation that fails to start cannot destroy it; null, and the handler untouched,
// without memory.
template <class Handler>
std::shared_ptr<RelayedHandler<std::decay_t<Handler>>> relay_handler(Handler&& handler) noexcept try {
    return std::allocate_shared<RelayedHandler<std::decay_t<Handler>>>(asio::recycling_allocator<void>(),
                                                                       std::forward<Handler>(handler));
} catch (...) {
    return nullptr;
}

// Initiation: spawns start(), a function object that returns an awaitable<void, Executor>.
template <class Executor>
class Spawn {
  public:
    explicit Spawn(Executor executor) noexcept : executor_(std::move(executor)) {}

    template <class Handler, class Start>
    void operator()(Handler&& handler, Start start) {
        const auto relayed = relay_handler(std::forward<Handler>(handler));
        if (!relayed) {
            std::forward<Handler>(handler)(std::make_exception_ptr(std::bad_alloc()));
            return;
        }
        try {
            asio::co_spawn(executor_, std::move(start), Relay<std::decay_t<Handler>, false>(relayed));
        } catch (...) {
            relayed->deliver(std::current_exception());
        }
    }

  private:
    Executor executor_;
};

// What is spawned: hands over an awaitable that exists already.
template <class Executor>
class Prepared {
  public:
    explicit Prepared(asio::awaitable<void, Executor> work) noexcept : work_(std::move(work)) {}
    asio::awaitable<void, Executor> operator()() { return std::move(work_); }

  private:
    asio::awaitable<void, Executor> work_;
};

// Runs start() as a stack of its own on `executor`; the caller's cancellation reaches it.
template <class To, class Executor, class Start>
asio::awaitable<void, To> spawn_and_wait(Executor executor, Start start) {
    asio::use_awaitable_t<To> token;
    return asio::async_initiate<asio::use_awaitable_t<To>, void(std::exception_ptr)>(
        Spawn<Executor>(std::move(executor)), token, std::move(start));
}

// Initiation: goes once through the executor's queue, or straight on if there is no memory for that.
template <class Executor>
class TakeTurn {
  public:
    explicit TakeTurn(Executor executor) noexcept : executor_(std::move(executor)) {}

    template <class Handler>
    void operator()(Handler&& handler) {
        const auto relayed = relay_handler(std::forward<Handler>(handler));
        if (!relayed) {
            std::forward<Handler>(handler)();
            return;
        }
        try {
            asio::post(executor_, Relay<std::decay_t<Handler>, true>(relayed));
        } catch (...) {
            relayed->deliver();
        }
    }

  private:
    Executor executor_;
};

template <class Executor>
asio::awaitable<void, Executor> take_turn(const Executor& executor) {
    asio::use_awaitable_t<Executor> token;
    return asio::async_initiate<asio::use_awaitable_t<Executor>, void()>(TakeTurn<Executor>(executor), token);
}

// How a coroutine on another stack ended. Its caller keeps it, so that nothing depends on what the end of
// that stack itself may throw.
template <class R>
struct Ending {
    [[nodiscard]] bool ended() const noexcept { return result.has_value() || error; }
    std::optional<R> result;
    std::exception_ptr error;
};
template <>
struct Ending<void> {
    [[nodiscard]] bool ended() const noexcept { return succeeded || error; }
    bool succeeded = false;
    std::exception_ptr error;
};

// Awaits `work` and stores how it ended; to be spawned. Ends with cancellation not refusing any await:
// co_spawn's own last one would be. Without a turn, co_spawn would post, to come back from a stack that
// never suspended, and without memory for that the stack would die, and its handler with it.
template <class R, class Executor>
asio::awaitable<void, Executor> note_ending(asio::awaitable<R, Executor> work, Ending<R>& ending) {
    try {
        if constexpr (std::is_void_v<R>) {
            co_await std::move(work);
            ending.succeeded = true;
        } else {
            ending.result.emplace(co_await std::move(work));
        }
    } catch (...) {
        ending.error = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    const bool answer = co_await SpawnedStack();
    if (!never_suspended(answer)) co_return;
    const Executor executor = co_await asio::this_coro::executor;
    try {
        asio::awaitable<void, Executor> turn = take_turn(executor);
        co_await std::move(turn);
    } catch (const std::bad_alloc&) {  // co_spawn will post
    }
}

}  // namespace asyncdrop::detail

template <template <class, class> class Associator, class Handler, bool slotless, class Default>
struct boost::asio::associator<Associator, asyncdrop::detail::Relay<Handler, slotless>, Default>
    : Associator<Handler, Default> {
    static auto get(const asyncdrop::detail::Relay<Handler, slotless>& relay) noexcept {
        return Associator<Handler, Default>::get(relay.handler());
    }
    static auto get(const asyncdrop::detail::Relay<Handler, slotless>& relay,
                    const Default& otherwise) noexcept {
        return Associator<Handler, Default>::get(relay.handler(), otherwise);
    }
};

// Hides the slot.
template <class Handler, class Default>
struct boost::asio::associated_cancellation_slot<asyncdrop::detail::Relay<Handler, true>, Default> {
    using type = Default;
    static Default get(const asyncdrop::detail::Relay<Handler, true>&,
                       const Default& otherwise = Default()) noexcept {
        return otherwise;
    }
};
