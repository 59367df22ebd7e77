// with_async_drop: acquire a resource, use it, and have it dropped on every way out.
//
//     auto open = [&] { return File::open(path); };                       // a guard, or an awaitable of one
//     auto use = [](File& file) -> asio::awaitable<int> { ... };          // or a plain function
//     int n = co_await asyncdrop::with_async_drop(open, use);
//
// Forms, all returning awaitable<R> for a body that returns R or awaitable<R> (awaitable<R, Executor> if a
// factory or the body returns one with that Executor, see bridge.hpp):
//     with_async_drop(factory, body)            the factory runs inside the bracket
//     with_async_drop(guard, body)              an existing guard, by reference; it is dropped afterwards
//     with_async_drop(s1, s2, ..., body)        several of either kind; acquired in order, dropped in reverse; a
//                                               factory may take the values acquired before it as parameters
//     with_async_drop(..., body, error_map(f))  f turns a cleanup's exception_ptr into the error to throw: an
//                                               exception_ptr or an exception object
//
// Errors: one failure is thrown as itself; if the body and a cleanup fail, or several cleanups,
// AsyncDropError holds them all. If the body succeeded and the cleanup failed, nobody receives the body's
// result: if that is itself droppable, or an optional, result, tuple or range of droppables, they are dropped
// as well.
//
// Cancellation: the body sees it; the cleanup is shielded and always completes; afterwards the caller's
// cancelled() still tells the truth. In a coroutine that is cancelled already, Asio does not start the
// bracket at all: a factory does not run and nothing is lost, but a borrowed guard stays armed; use
// `co_await even_if_cancelled;` before if it must be dropped nevertheless.
//
// g++ 12 destroys a lambda with a non-trivial capture twice when it is written inside a co_await expression:
// name your lambdas first. Callables are copied into the bracket; move-only ones are passed with std::move.
//
// Threads: runs on the caller's strand.
#pragma once

#include <asyncdrop/detail/bracket.hpp>
#include <asyncdrop/detail/throw_errors.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace asyncdrop {

/// The optional last argument of with_async_drop; made by error_map.
template <class F>
class ErrorMap {
  public:
    /// `f` is called with the exception_ptr of a cleanup; use error_map() instead.
    explicit ErrorMap(F f) : f_(std::move(f)) {}
    /// What `f` makes of the error: what is thrown instead of it.
    decltype(auto) operator()(std::exception_ptr error) { return std::invoke(f_, std::move(error)); }

  private:
    F f_;
};

/// Applies `f` to the errors of the cleanups, not of the body: exception_ptr to exception_ptr or exception.
template <class F>
ErrorMap<std::decay_t<F>> error_map(F&& f) {
    static_assert(std::is_invocable_v<std::decay_t<F>&, std::exception_ptr>,
                  "an error map is called with a std::exception_ptr");
    return ErrorMap<std::decay_t<F>>(std::forward<F>(f));
}

namespace detail {

template <class X>
inline constexpr bool is_error_map = false;
template <class F>
inline constexpr bool is_error_map<ErrorMap<F>> = true;

// A source as it is kept until its turn: a borrowed guard as pointer, a factory as a copy.
template <class S>
auto keep_source(S& source) {
    using Plain = std::remove_reference_t<S>;
    if constexpr (Droppable<Plain>) {
        return BorrowedSource<Plain>(source);
    } else {
        return std::decay_t<S>(source);
    }
}
template <class S>
    requires(!std::is_lvalue_reference_v<S>)
auto keep_source(S&& source) {
    static_assert(!Droppable<S>,
                  "with_async_drop takes a guard by reference (a coroutine that Asio refuses to start would "
                  "destroy it with its parameters): name the guard, or pass a factory");
    return std::decay_t<S>(std::move(source));
}

template <class Kept, class... Values>
auto make_source(Kept kept, Values&... values) {
    if constexpr (requires { Kept::borrowed; }) {
        return kept;
    } else {
        return FactorySource<Kept, Values...>(std::move(kept), values...);
    }
}

// The executor type of a bracket: that of its factory's or body's awaitable, if one has a special one.
template <class A, class B>
struct CommonExecutor {
    static_assert(std::is_same_v<B, asio::any_io_executor>,
                  "with_async_drop: factory and body are coroutines of different executor types");
    using type = A;
};
template <class B>
struct CommonExecutor<asio::any_io_executor, B> {
    using type = B;
};
template <class A>
struct CommonExecutor<A, A> {
    using type = A;
};
template <>
struct CommonExecutor<asio::any_io_executor, asio::any_io_executor> {
    using type = asio::any_io_executor;
};
template <class A, class B>
using common_executor_t = typename CommonExecutor<A, B>::type;

template <class Rest, class Body, class Map, class... Values>
class InnerBracket;

// Starts the bracket of the first source; its body is the bracket of the rest, or the user's body.
template <class First, class... Rest, class Body, class Map, class... Values>
auto open_bracket(std::tuple<First, Rest...> sources, Body body, Map map, Values&... values) {
    auto source = std::apply(
        [&values...](First& first, Rest&...) { return make_source(std::move(first), values...); }, sources);
    using Source = decltype(source);
    using Acquired = typename Source::acquired;
    static_assert(Source::borrowed || (Droppable<Acquired> && !std::is_reference_v<Acquired>),
                  "with_async_drop: a factory returns a guard, or an awaitable of one (by value)");
    using Value = std::remove_reference_t<decltype(value_of(std::declval<typename Source::guard_type&>()))>;
    auto rest = std::apply([](First&, Rest&... others) { return std::tuple<Rest...>(std::move(others)...); },
                           sources);
    using Inner = InnerBracket<std::tuple<Rest...>, Body, Map, Values...>;
    using R = typename Awaited<std::invoke_result_t<Inner&, Value&>>::type;
    static_assert(!std::is_reference_v<R>,
                  "with_async_drop: the result outlives the resource, return a value");
    using Executor = common_executor_t<typename Source::executor_type,
                                       typename Awaited<std::invoke_result_t<Inner&, Value&>>::executor_type>;
    return bridge_to<Executor>(bracket(std::move(source),
                                       Inner(std::move(rest), std::move(body), map, values...),
                                       ThrowErrors<R, Map>(std::move(map))));
}

template <class... Rest, class Body, class Map, class... Values>
class InnerBracket<std::tuple<Rest...>, Body, Map, Values...> {
  public:
    InnerBracket(std::tuple<Rest...> rest, Body body, Map map, Values&... values)
        : rest_(std::move(rest)), body_(std::move(body)), map_(std::move(map)), values_(&values...) {}

    template <class Value>
    decltype(auto) operator()(Value& value) {
        return std::apply(
            [this, &value](Values*... before) -> decltype(auto) {
                if constexpr (sizeof...(Rest) == 0) {
                    static_assert(
                        std::is_invocable_v<Body&, Values&..., Value&>,
                        "with_async_drop: the body is called with a reference to each guarded value");
                    return std::invoke(body_, *before..., value);
                } else {
                    return open_bracket(std::move(rest_), std::move(body_), map_, *before..., value);
                }
            },
            values_);
    }

  private:
    std::tuple<Rest...> rest_;
    Body body_;
    Map map_;
    std::tuple<Values*...> values_;
};

template <std::size_t... I, class Arguments, class Body, class Map>
auto open_brackets(std::index_sequence<I...>, Arguments& arguments, Body&& body, Map map) {
    auto sources = std::make_tuple(keep_source<std::tuple_element_t<I, Arguments>>(
        std::forward<std::tuple_element_t<I, Arguments>>(std::get<I>(arguments)))...);
    return open_bracket(std::move(sources), std::decay_t<Body>(std::forward<Body>(body)), std::move(map));
}

}  // namespace detail

/// Acquires, runs the body, drops; see the head of this file.
template <class... Args>
    requires(sizeof...(Args) >= 2)
[[nodiscard]] auto with_async_drop(Args&&... args) {
    using Arguments = std::tuple<Args&&...>;
    constexpr std::size_t count = sizeof...(Args);
    Arguments arguments(std::forward<Args>(args)...);
    using Last = std::tuple_element_t<count - 1, Arguments>;
    if constexpr (detail::is_error_map<std::remove_cvref_t<Last>>) {
        static_assert(count >= 3, "with_async_drop takes at least one factory or guard and a body");
        using Body = std::tuple_element_t<count - 2, Arguments>;
        return detail::open_brackets(std::make_index_sequence<count - 2>(), arguments,
                                     std::forward<Body>(std::get<count - 2>(arguments)),
                                     std::get<count - 1>(arguments));
    } else {
        return detail::open_brackets(std::make_index_sequence<count - 1>(), arguments,
                                     std::forward<Last>(std::get<count - 1>(arguments)),
                                     detail::KeepErrors());
    }
}

}  // namespace asyncdrop
