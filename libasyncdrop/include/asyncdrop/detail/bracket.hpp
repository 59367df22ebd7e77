// The coroutine behind with_async_drop and try_with_async_drop: acquire, run the body, drop on every exit
// path. It is cheap: the guard is made in its frame, and where nobody can cancel it, it awaits the cleanup
// itself instead of through async_drop().
//
// What it does with errors is its Policy's, throw_errors.hpp or return_errors.hpp:
//     outcome                 what the bracket returns, void or a value
//     Drop<G>                 the drop of a G: DropByException or DropByValue
//     failed(error)           the outcome if the factory returned an error instead of a guard
//     settle(drop)            the bracket's own drop has ended; true if it has failed
//     lost(drop)              the drop of something in the body's result has failed, too; throws nothing
//     deliver(body, drop)     the outcome, or throws
//
// Invariants: once the factory has delivered a guard, its drop is awaited whatever the body does; the drop
// runs shielded; if it fails, the droppables in the body's result, which nobody will receive, are dropped,
// too; the flag throw_if_cancelled leaves as it came in. Nothing is awaited inside a catch block.
//
// Threads: runs on the caller's strand.
#pragma once

#include <asyncdrop/bridge.hpp>
#include <asyncdrop/detail/attempt.hpp>
#include <asyncdrop/detail/awaited.hpp>
#include <asyncdrop/detail/bracket_drop.hpp>
#include <asyncdrop/detail/bracket_source.hpp>
#include <asyncdrop/detail/contained.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/shield.hpp>
#include <asyncdrop/detail/spawn.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

namespace asio = boost::asio;

// Drops something in the result of a body that nobody will receive. Throws only without memory for this
// coroutine.
template <class Policy, class G>
asio::awaitable<void> drop_lost(G& guard, Policy& policy) {
    typename Policy::template Drop<G> drop(guard);
    Attempt attempt;
    do {
        co_await even_if_cancelled;
        try {
            auto dropping = drop.start();
            if constexpr (std::is_void_v<typename Awaited<decltype(dropping)>::type>) {
                co_await std::move(dropping);
            } else {
                const auto result = co_await std::move(dropping);
                drop.note(result);
            }
        } catch (...) {
            drop.note_thrown();
        }
    } while (attempt.again(drop.not_begun()));
    if (drop.failed()) policy.lost(drop);
}

// Drops everything in such a result. What is dropped already is passed over, so it may be called again.
template <class Policy, class R>
asio::awaitable<void> drop_lost_result(R& result, Policy& policy) {
    for (std::size_t at = 0;; ++at) {
        std::optional<asio::awaitable<void>> dropping;
        const auto start = [&](auto& droppable) { dropping.emplace(drop_lost(droppable, policy)); };
        std::size_t before = at;
        if (!visit_droppable(result, before, start)) break;
        co_await even_if_cancelled;
        co_await std::move(*dropping);
    }
}

template <class Policy, class Source, class Body>
asio::awaitable<typename Policy::outcome> bracket(Source source, Body body, Policy policy) {
    using Acquired = typename Source::acquired;
    using Guard = typename Source::guard_type;
    using Call = decltype(std::invoke(body, value_of(std::declval<Guard&>())));
    using R = typename Awaited<Call>::type;

    const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
    std::optional<Acquired> acquired;
    Guard* guard = nullptr;
    if constexpr (Source::borrowed) {
        guard = &source.guard();
    } else {
        if constexpr (Source::asynchronous) {
            asio::awaitable<Acquired> acquiring = source.acquire();
            acquired.emplace(co_await std::move(acquiring));
        } else if constexpr (ResultLike<Acquired>) {
            acquired.emplace(source.acquire());
        } else {
            acquired.emplace(AcquireInPlace<Source>(source));
        }
        if constexpr (ResultLike<Acquired>) {
            if (!acquired->has_value()) co_return policy.failed(acquired->error());
            guard = &**acquired;
        } else {
            guard = &*acquired;
        }
    }

    Ending<R> ending;
    try {
        if constexpr (Awaited<Call>::is_awaitable) {
            asio::awaitable<R> running = as_any(std::invoke(body, value_of(*guard)));
            if constexpr (std::is_void_v<R>) {
                co_await std::move(running);
            } else {
                ending.result.emplace(co_await std::move(running));
            }
        } else if constexpr (std::is_void_v<R>) {
            std::invoke(body, value_of(*guard));
        } else {
            ending.result.emplace(std::invoke(body, value_of(*guard)));
        }
    } catch (...) {
        ending.error = std::current_exception();
    }

    typename Policy::template Drop<Guard> drop(*guard);
    if (!drop_at_once(*guard)) {
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        if (!can_be_cancelled(state)) drop.need_no_shield();
        Attempt attempt;
        do {
            co_await even_if_cancelled;
            try {
                auto dropping = drop.start();
                if constexpr (std::is_void_v<typename Awaited<decltype(dropping)>::type>) {
                    co_await std::move(dropping);
                } else {
                    const auto result = co_await std::move(dropping);
                    drop.note(result);
                }
            } catch (...) {
                drop.note_thrown();
            }
            drop.finish();
        } while (attempt.again(drop.not_begun()));
    }
    const bool failed = policy.settle(drop);
    if constexpr (holds_droppables<R>()) {
        if (failed && ending.result) {
            Attempt attempt;
            do {
                co_await even_if_cancelled;
                try {
                    asio::awaitable<void> dropping = drop_lost_result(*ending.result, policy);
                    co_await std::move(dropping);
                } catch (...) {
                    attempt.error = std::current_exception();
                }
            } while (attempt.again(attempt.error != nullptr));
        }
    }
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);

    if constexpr (std::is_void_v<typename Policy::outcome>) {
        policy.deliver(ending, drop);
    } else {
        co_return policy.deliver(ending, drop);
    }
}

}  // namespace asyncdrop::detail
