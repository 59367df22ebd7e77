// try_with_async_drop: with_async_drop for code whose errors are values.
//
//     auto open = [&] { return File::open(path); };               // a guard, or a result of one
//     auto use = [](File& file) -> asio::awaitable<result<int, error_code>> { ... };
//     result<int, error_code> n = co_await asyncdrop::try_with_async_drop(open, use);
//
// Factory and body return plain values or results (has_value(), error(), value_type: boost::system::result or
// alike), or awaitables of either; instead of a factory, an existing guard by reference. What comes out is
// deduced: if factory, body and cleanup cannot fail (plain values, E = never), the body's value itself; else
// boost::system::result<R, E>, E being the error type of the body, or of the factory, or of the cleanup, the
// first of them that has one. The others must convert to it.
//
// Errors: one is returned as itself. If body and cleanup fail, the body's is returned and the cleanup's is
// given to `on_suppressed(f)`, an optional last argument; without it, a line about it goes to the message
// sink. Exceptions are not turned into values: they leave after the cleanup, combined as by with_async_drop.
// If the body succeeded with something that is itself droppable and the cleanup fails, that is dropped too.
// Cancellation, and lambdas in co_await expressions: as with_async_drop.
//
// Threads: runs on the caller's strand.
#pragma once

#include <array>
#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/detail/bracket.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/system/result.hpp>
#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncdrop {

/// The optional last argument of try_with_async_drop; made by on_suppressed.
template <class F>
class SuppressedHandler {
  public:
    /// Made by on_suppressed().
    explicit SuppressedHandler(F f) : f_(std::move(f)) {}
    /// Hands the error on.
    template <class E>
    void operator()(const E& error, const detail::Failure&) {
        std::invoke(f_, error);
    }

  private:
    F f_;
};

/// `f` is called with the error value of a cleanup that failed after the body had failed. It must not throw.
template <class F>
SuppressedHandler<std::decay_t<F>> on_suppressed(F&& f) {
    return SuppressedHandler<std::decay_t<F>>(std::forward<F>(f));
}

namespace detail {

struct PrintSuppressed {
    template <class E>
    void operator()(const E&, const Failure& failure) const noexcept {
        Line line;
        line << "asyncdrop: the cleanup of " << failure.resource << ", created at " << failure.site
             << ", failed after its user had failed";
        print(line.view());
    }
};

/// A factory of a guard or of a result of one.
template <class F>
class ResultFactory {
  public:
    using executor_type = typename Awaited<std::invoke_result_t<F&>>::executor_type;
    static constexpr bool borrowed = false;
    static constexpr bool asynchronous = Awaited<std::invoke_result_t<F&>>::is_awaitable;

    explicit ResultFactory(F factory) : factory_(std::move(factory)) {}
    auto acquire() { return as_any(std::invoke(factory_)); }

  private:
    F factory_;
};

/// A value or a result, taken apart.
template <class R>
struct Unwrapped {
    using type = R;
    using error_type = never;
};
template <ResultLike R>
struct Unwrapped<R> {
    using type = typename R::value_type;
    using error_type = std::remove_cvref_t<decltype(std::declval<R&>().error())>;
};

/// The first error type that is not never; never if there is none.
template <class E, class... Others>
struct FirstError {
    using type = E;
};
template <class Next, class... Others>
struct FirstError<never, Next, Others...> : FirstError<Next, Others...> {};

/// What a source delivers: a guard, or a result of one.
template <class Source>
struct TrySource;
template <class G>
struct TrySource<BorrowedSource<G>> {
    using acquired = bool;  // nothing to keep
    using guard = G;
    using error = never;
};
template <class Made>
struct TryMade {
    using acquired = Made;
    using guard = typename Unwrapped<Made>::type;
    using error = typename Unwrapped<Made>::error_type;
};
template <class F>
struct TrySource<ResultFactory<F>> : TryMade<typename Awaited<std::invoke_result_t<F&>>::type> {};

/// How a try_bracket leaves: R itself if nothing can fail, else a result.
template <class R, class E>
struct TryOutcome {
    using type = boost::system::result<R, E>;
    template <class From>
    static type failed(const From& error) {
        return type(boost::system::in_place_error, E(error));
    }
};
template <class R>
struct TryOutcome<R, never> {
    using type = R;
};

/// How a drop ended: the error value of the cleanup, or an exception that was no value.
template <class E>
struct TryDropped {
    void note(const DropResult<E>& result) {
        if (result.has_error()) error.emplace(result.error());
    }
    std::optional<E> error;
    std::exception_ptr thrown;
    explicit operator bool() const noexcept { return error || thrown; }
};

template <class Guard>
using try_drop_error_t =
    typename AwaitedResult<decltype(std::declval<Guard&>().try_async_drop())>::type::error_type;

/// An exception from the body or the cleanup, with all other errors; null if there was none.
template <class Returned, class E>
std::exception_ptr thrown_error(const std::exception_ptr& thrown, const std::optional<Returned>& returned,
                                const TryDropped<E>& dropped, const Failure& about) {
    if (!thrown && !dropped.thrown) return nullptr;
    std::exception_ptr primary = thrown;
    if constexpr (ResultLike<const Returned>) {
        if (!primary && returned && !returned->has_value()) primary = to_exception(returned->error());
    }
    std::array<Failure, 1> failures;
    failures[0] = about;
    failures[0].error = dropped.error ? to_exception(*dropped.error) : dropped.thrown;
    return combine(std::move(primary), failures);
}

template <class Outcome, class Source, class Body, class OnSuppressed>
asio::awaitable<typename Outcome::type> try_bracket(Source source, Body body, OnSuppressed on_suppressed) {
    using Guard = typename TrySource<Source>::guard;
    using Call = std::invoke_result_t<Body&, decltype(value_of(std::declval<Guard&>()))>;
    using Returned = typename Awaited<Call>::type;
    constexpr bool returns_void = std::is_void_v<Returned>;
    constexpr bool returns_result = ResultLike<Returned>;

    const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
    using Acquired = typename TrySource<Source>::acquired;
    std::optional<Acquired> acquired;
    Guard* guard = nullptr;
    if constexpr (Source::borrowed) {
        guard = &source.guard();
    } else {
        if constexpr (Source::asynchronous) {
            asio::awaitable<Acquired> acquiring = source.acquire();
            acquired.emplace(co_await std::move(acquiring));
        } else {
            acquired.emplace(source.acquire());
        }
        if constexpr (ResultLike<Acquired>) {
            if (!acquired->has_value()) co_return Outcome::failed(acquired->error());
            guard = &**acquired;
        } else {
            guard = &*acquired;
        }
    }

    using Stored = std::conditional_t<returns_void, bool, Returned>;
    std::optional<Stored> returned;
    std::exception_ptr thrown;
    try {
        if constexpr (Awaited<Call>::is_awaitable) {
            asio::awaitable<Returned> running = as_any(std::invoke(body, value_of(*guard)));
            if constexpr (returns_void) {
                co_await std::move(running);
            } else {
                returned.emplace(co_await std::move(running));
            }
        } else if constexpr (returns_void) {
            std::invoke(body, value_of(*guard));
        } else {
            returned.emplace(std::invoke(body, value_of(*guard)));
        }
    } catch (...) {
        thrown = std::current_exception();
    }

    const Failure about(nullptr, resource_name_of(*guard), creation_site_of(*guard));
    using CleanupError = try_drop_error_t<Guard>;
    TryDropped<CleanupError> dropped;
    for (int attempt = 0; attempt < 2; ++attempt) {  // without memory to start it: once more
        co_await even_if_cancelled;
        dropped = TryDropped<CleanupError>();
        try {
            asio::awaitable<DropResult<CleanupError>> dropping = guard->try_async_drop();
            const DropResult<CleanupError> result = co_await std::move(dropping);
            dropped.note(result);
        } catch (...) {
            dropped.thrown = std::current_exception();
        }
        if (!dropped || !wants_drop(*guard)) break;
    }
    using Value = typename Unwrapped<Returned>::type;
    if constexpr (Droppable<Value>) {
        Value* value = nullptr;
        if constexpr (returns_result) {
            if (returned && returned->has_value()) value = &**returned;
        } else if (returned) {
            value = &*returned;
        }
        if (dropped && value) {
            using ValueError = try_drop_error_t<Value>;
            TryDropped<ValueError> also;
            co_await even_if_cancelled;
            try {
                asio::awaitable<DropResult<ValueError>> dropping = value->try_async_drop();
                const DropResult<ValueError> result = co_await std::move(dropping);
                also.note(result);
            } catch (...) {
                also.thrown = std::current_exception();
            }
            const Failure about_value(nullptr, resource_name_of(*value), creation_site_of(*value));
            if (also.error) on_suppressed(*also.error, about_value);
            if (also.thrown) print_lost(about_value);
        }
    }
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);

    if (const auto error = thrown_error(thrown, returned, dropped, about)) std::rethrow_exception(error);
    if constexpr (!std::is_same_v<CleanupError, never>) {
        if (dropped.error) {
            if constexpr (returns_result) {
                if (!returned->has_value()) {
                    on_suppressed(*dropped.error, about);
                    co_return Outcome::failed(returned->error());
                }
            }
            co_return Outcome::failed(*dropped.error);
        }
    }
    if constexpr (returns_result) {
        if (!returned->has_value()) co_return Outcome::failed(returned->error());
        if constexpr (std::is_void_v<Value>) {
            co_return typename Outcome::type();
        } else {
            co_return typename Outcome::type(std::move(**returned));
        }
    } else if constexpr (!returns_void) {
        co_return typename Outcome::type(std::move(*returned));
    } else if constexpr (!std::is_void_v<typename Outcome::type>) {
        co_return typename Outcome::type();
    }
}

template <class Source, class Body, class OnSuppressed>
auto open_try_bracket(Source source, Body body, OnSuppressed on_suppressed) {
    using Guard = typename TrySource<Source>::guard;
    static_assert(
        Droppable<Guard> && requires(Guard& guard) { guard.try_async_drop(); },
        "try_with_async_drop: a factory returns a guard, a box or an Arc, or a result of one");
    using Call = std::invoke_result_t<Body&, decltype(value_of(std::declval<Guard&>()))>;
    using Returned = typename Awaited<Call>::type;
    using R = typename Unwrapped<Returned>::type;
    static_assert(!std::is_reference_v<R>,
                  "try_with_async_drop: the result outlives the resource, return a value");
    using E = typename FirstError<typename Unwrapped<Returned>::error_type, typename TrySource<Source>::error,
                                  try_drop_error_t<Guard>>::type;
    using Executor = common_executor_t<typename Source::executor_type, typename Awaited<Call>::executor_type>;
    return bridge_to<Executor>(
        try_bracket<TryOutcome<R, E>>(std::move(source), std::move(body), std::move(on_suppressed)));
}

template <class S>
auto keep_try_source(S&& source) {
    auto kept = keep_source<S>(std::forward<S>(source));
    if constexpr (requires { kept.guard(); }) {
        return kept;
    } else {
        return ResultFactory<decltype(kept)>(std::move(kept));
    }
}

}  // namespace detail

/// Acquires, runs the body, drops; see the head of this file.
template <class S, class Body>
[[nodiscard]] auto try_with_async_drop(S&& source, Body&& body) {
    return detail::open_try_bracket(detail::keep_try_source(std::forward<S>(source)),
                                    std::decay_t<Body>(std::forward<Body>(body)), detail::PrintSuppressed());
}
template <class S, class Body, class F>
[[nodiscard]] auto try_with_async_drop(S&& source, Body&& body, SuppressedHandler<F> on_suppressed) {
    return detail::open_try_bracket(detail::keep_try_source(std::forward<S>(source)),
                                    std::decay_t<Body>(std::forward<Body>(body)), std::move(on_suppressed));
}

}  // namespace asyncdrop
