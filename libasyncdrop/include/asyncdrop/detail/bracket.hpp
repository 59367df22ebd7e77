// The coroutine behind with_async_drop: acquire, run the body, drop on every exit path.
//
// Invariants: once the factory has delivered a guard, its drop is awaited whatever the body does; the drop
// runs shielded; the error rule of error.hpp decides what is thrown; the flag throw_if_cancelled leaves as it
// came in. Nothing is awaited inside a catch block.
#pragma once

#include <array>
#include <asyncdrop/bridge.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

namespace asio = boost::asio;

template <class R>
struct Awaited {
    using type = R;
    using executor_type = asio::any_io_executor;
    static constexpr bool is_awaitable = false;
};
template <class R, class Executor>
struct Awaited<asio::awaitable<R, Executor>> {
    using type = R;
    using executor_type = Executor;
    static constexpr bool is_awaitable = true;
};

/// No error map: errors stay what they are.
struct KeepErrors {
    std::exception_ptr operator()(std::exception_ptr error) const noexcept { return error; }
};

/// Turns the result of a user's map (an exception_ptr or an exception object) into an exception_ptr. A map
/// that throws replaces the error by what it throws.
template <class Map>
std::exception_ptr apply_map(Map& map, std::exception_ptr error) noexcept {
    if (!error) return error;
    try {
        using Mapped = std::invoke_result_t<Map&, std::exception_ptr>;
        if constexpr (std::is_same_v<std::decay_t<Mapped>, std::exception_ptr>) {
            return std::invoke(map, std::move(error));
        } else {
            return std::make_exception_ptr(std::invoke(map, std::move(error)));
        }
    } catch (...) {
        return std::current_exception();
    }
}

/// A guard that exists already and is borrowed.
template <class G>
class BorrowedSource {
  public:
    using guard_type = G;
    using executor_type = asio::any_io_executor;
    static constexpr bool borrowed = true;

    explicit BorrowedSource(G& guard) noexcept : guard_(&guard) {}
    G& guard() const noexcept { return *guard_; }

  private:
    G* guard_;
};

/// A factory of a guard, called inside the bracket with the values that were acquired before it, if it wants
/// them.
template <class F, class... Values>
class FactorySource {
    static decltype(auto) invoke(F& factory, Values&... values) {
        if constexpr (std::is_invocable_v<F&, Values&...>) {
            return std::invoke(factory, values...);
        } else {
            static_assert(std::is_invocable_v<F&>,
                          "with_async_drop: a factory takes no arguments, or the values acquired before it");
            return std::invoke(factory);
        }
    }
    using returned = decltype(invoke(std::declval<F&>(), std::declval<Values&>()...));

  public:
    using guard_type = typename Awaited<returned>::type;
    using executor_type = typename Awaited<returned>::executor_type;
    static constexpr bool borrowed = false;
    static constexpr bool asynchronous = Awaited<returned>::is_awaitable;
    static_assert(Droppable<guard_type>,
                  "with_async_drop: a factory returns a guard, or an awaitable of one (by value)");

    FactorySource(F factory, Values&... values) : factory_(std::move(factory)), values_(&values...) {}

    /// The guard, or an awaitable of it.
    auto acquire() {
        return std::apply([this](Values*... values) { return as_any(invoke(factory_, *values...)); },
                          values_);
    }

  private:
    F factory_;
    std::tuple<Values*...> values_;
};

template <class R>
struct BodyResult {
    std::optional<R> value;
};
template <>
struct BodyResult<void> {};

template <class R, class Source, class Body, class Map>
asio::awaitable<R> bracket(Source source, Body body, Map map) {
    using Guard = typename Source::guard_type;
    using Returned = decltype(std::invoke(body, value_of(std::declval<Guard&>())));

    const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
    std::optional<Guard> owned;
    Guard* guard = nullptr;
    if constexpr (Source::borrowed) {
        guard = &source.guard();
    } else {
        if constexpr (Source::asynchronous) {
            asio::awaitable<Guard> acquiring = source.acquire();
            owned.emplace(co_await std::move(acquiring));
        } else {
            owned.emplace(source.acquire());
        }
        guard = &*owned;
    }

    BodyResult<R> result;
    std::exception_ptr body_error;
    try {
        if constexpr (Awaited<Returned>::is_awaitable) {
            asio::awaitable<R> running = as_any(std::invoke(body, value_of(*guard)));
            if constexpr (std::is_void_v<R>) {
                co_await std::move(running);
            } else {
                result.value.emplace(co_await std::move(running));
            }
        } else if constexpr (std::is_void_v<R>) {
            std::invoke(body, value_of(*guard));
        } else {
            result.value.emplace(std::invoke(body, value_of(*guard)));
        }
    } catch (...) {
        body_error = std::current_exception();
    }

    std::array<Failure, 2> failures;  // of the guard, and of a result that has to be dropped because of that
    for (int attempt = 0; attempt < 2; ++attempt) {  // without memory to start it: once more
        co_await even_if_cancelled;
        failures[0].error = nullptr;
        try {
            asio::awaitable<void> dropping = guard->async_drop();
            co_await std::move(dropping);
        } catch (...) {
            failures[0] = Failure(apply_map(map, std::current_exception()), resource_name_of(*guard),
                                  creation_site_of(*guard));
        }
        if (!failures[0].error || !wants_drop(*guard)) break;
    }
    if constexpr (Droppable<R>) {
        if (failures[0].error && result.value) {
            co_await even_if_cancelled;
            try {
                asio::awaitable<void> dropping = result.value->async_drop();
                co_await std::move(dropping);
            } catch (...) {
                failures[1] = Failure(std::current_exception(), resource_name_of(*result.value),
                                      creation_site_of(*result.value));
            }
        }
    }
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);

    const std::exception_ptr error = combine(body_error, failures);
    if (error) std::rethrow_exception(error);
    if constexpr (!std::is_void_v<R>) co_return std::move(*result.value);
}

}  // namespace asyncdrop::detail
