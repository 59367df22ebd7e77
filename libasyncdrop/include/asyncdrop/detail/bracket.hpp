// The coroutine behind with_async_drop: acquire, run the body, drop on every exit path. It is cheap: the
// guard is made in its frame, and where nobody can cancel it, it awaits the cleanup itself instead of through
// async_drop().
//
// Invariants: once the factory has delivered a guard, its drop is awaited whatever the body does; the drop
// runs shielded; the error rule of error.hpp decides what is thrown; the flag throw_if_cancelled leaves as it
// came in. Nothing is awaited inside a catch block.
#pragma once

#include <array>
#include <asyncdrop/bridge.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/run_drop.hpp>
#include <asyncdrop/detail/shield.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <concepts>
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

/// Converts to what a source acquires, so that the guard is made where it stays.
template <class Source>
class AcquireInPlace {
  public:
    explicit AcquireInPlace(Source& source) noexcept : source_(&source) {}
    // NOLINTNEXTLINE: implicit on purpose
    operator typename Source::guard_type() const { return source_->acquire(); }

  private:
    Source* source_;
};

/// Drops what need not be waited for: plain cleanup, or a share that is not the last one. False: await the
/// drop.
template <class G>
bool drop_at_once(G& guard) noexcept {
    if constexpr (requires { guard.drop_now(); }) {
        guard.drop_now();
        return true;
    } else if constexpr (requires { guard.try_release(); }) {
        return guard.try_release();
    } else {
        return false;
    }
}

/// Whether a bracket may await G's cleanup itself, without the coroutine of G's async_drop in between. To be
/// asked where the bracket cannot be cancelled: that coroutine is the shield.
template <class G>
concept CleansUpPlainly = requires(G& guard) {
    { CoreAccess::operation(guard).start(NoExecutor()) } -> std::same_as<asio::awaitable<void>>;
};

/// The steps of such a drop; what has been started is finished also if it failed.
template <class G>
class OwnDrop {
  public:
    OwnDrop(G& guard, bool plain) noexcept : guard_(&guard), plain_(plain) {}

    asio::awaitable<void> start() {
        if constexpr (CleansUpPlainly<G>) {
            const auto operation = CoreAccess::operation(*guard_);
            if (plain_ && operation.core().wants_drop(operation.type())) {
                asio::awaitable<void> cleanup = operation.start(NoExecutor());
                operation.core().begin_drop();
                return cleanup;
            }
        }
        plain_ = false;
        return guard_->async_drop();
    }
    void finish() noexcept {
        if constexpr (CleansUpPlainly<G>) {
            const auto operation = CoreAccess::operation(*guard_);
            if (plain_ && operation.core().state() == DropState::dropping) operation.finish();
        }
    }
    /// In a catch block.
    std::exception_ptr error() noexcept {
        if constexpr (CleansUpPlainly<G>) {
            if (plain_) return note_thrown(CoreAccess::operation(*guard_));
        }
        return std::current_exception();
    }

  private:
    G* guard_;
    bool plain_;
};

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
            owned.emplace(AcquireInPlace<Source>(source));
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

    std::exception_ptr drop_error;
    if (!drop_at_once(*guard)) {
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        OwnDrop<Guard> drop(*guard, !can_be_cancelled(state));
        for (int attempt = 0; attempt < 2; ++attempt) {  // without memory to start it: once more
            co_await even_if_cancelled;
            drop_error = nullptr;
            try {
                asio::awaitable<void> dropping = drop.start();
                co_await std::move(dropping);
            } catch (...) {
                drop_error = apply_map(map, drop.error());
            }
            drop.finish();
            if (!drop_error || !wants_drop(*guard)) break;
        }
    }
    std::exception_ptr result_error;
    if constexpr (Droppable<R>) {
        if (drop_error && result.value) {  // nobody would receive it
            co_await even_if_cancelled;
            try {
                asio::awaitable<void> dropping = result.value->async_drop();
                co_await std::move(dropping);
            } catch (...) {
                result_error = std::current_exception();
            }
        }
    }
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);

    if (drop_error) {
        std::array<Failure, 2> failures;
        failures[0] = Failure(drop_error, resource_name_of(*guard), creation_site_of(*guard));
        if constexpr (Droppable<R>) {
            if (result_error) {
                failures[1] =
                    Failure(result_error, resource_name_of(*result.value), creation_site_of(*result.value));
            }
        }
        std::rethrow_exception(combine(body_error, failures));
    }
    if (body_error) std::rethrow_exception(body_error);
    if constexpr (!std::is_void_v<R>) co_return std::move(*result.value);
}

}  // namespace asyncdrop::detail
