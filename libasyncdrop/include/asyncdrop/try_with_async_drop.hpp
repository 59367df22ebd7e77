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
// Droppables in the result of a body that succeeded are dropped if the cleanup fails, as by with_async_drop.
// Cancellation, and lambdas in co_await expressions: as with_async_drop.
//
// Threads: runs on the caller's strand.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/detail/bracket.hpp>
#include <asyncdrop/detail/return_errors.hpp>
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
    /// `f` is called with error values; use on_suppressed() instead.
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
        print_notice(line.view(), failure.resource, failure.site);
    }
};

template <class Source, class Body, class OnSuppressed>
auto open_try_bracket(Source source, Body body, OnSuppressed on_suppressed) {
    using Guard = typename Source::guard_type;
    static_assert(
        Droppable<Guard> && requires(Guard& guard) { guard.try_async_drop(); } &&
            !std::is_reference_v<typename Source::acquired>,
        "try_with_async_drop: a factory returns a guard, a box or an Arc, or a result of one");
    using Call = std::invoke_result_t<Body&, decltype(value_of(std::declval<Guard&>()))>;
    using Returned = typename Awaited<Call>::type;
    static_assert(!std::is_reference_v<typename Unwrapped<Returned>::type>,
                  "try_with_async_drop: the result outlives the resource, return a value");
    using E = typename FirstError<typename Unwrapped<Returned>::error_type,
                                  typename Unwrapped<typename Source::acquired>::error_type,
                                  try_drop_error_t<Guard>>::type;
    using Executor = common_executor_t<typename Source::executor_type, typename Awaited<Call>::executor_type>;
    return bridge_to<Executor>(bracket(std::move(source), std::move(body),
                                       ReturnErrors<Returned, E, OnSuppressed>(std::move(on_suppressed))));
}

template <class S>
auto keep_try_source(S&& source) {
    auto kept = keep_source<S>(std::forward<S>(source));
    if constexpr (requires { kept.guard(); }) {
        return kept;
    } else {
        return FactorySource<decltype(kept)>(std::move(kept));
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
