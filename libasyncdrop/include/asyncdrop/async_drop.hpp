// What a type must offer to be guarded: asynchronous cleanup.
//
// A type is an `AsyncDrop` if it has one of
//
//     asio::awaitable<void> async_drop_impl();             // a failure is an exception
//     asio::awaitable<result<void, E>> async_drop_impl();  // a failure is a value
//     void async_drop_impl() noexcept;                     // synchronous, cannot fail
//
// or if `async_drop_traits` is specialised for it (foreign types). `result` is boost::system::result or
// anything with has_value() and error(). The guard calls it once, then destroys the object, also after a
// failure. Nobody else calls it.
//
// The awaitable may have another executor type than any_io_executor, as asio::awaitable<void, Executor>: the
// cleanup then runs on value.get_executor() if the type has one, else on the executor of the coroutine that
// drops, if that is an Executor (see bridge.hpp).
//
// Cancellation: the cleanup runs shielded; it sees no cancellation from its caller.
#pragma once

#include <asyncdrop/detail/awaited.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>
#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

namespace asyncdrop {

namespace asio = boost::asio;

/// The error type of a cleanup that cannot fail; no value of it exists.
class never {
  private:
    // boost::system::result<T, E>::error() names E(), for when there is no error.
    template <class T, class E>
    friend class boost::system::result;
    [[noreturn]] never() noexcept { std::terminate(); }
};

/// How a T is cleaned up. Specialise it for a type that cannot have an `async_drop_impl`:
/// one static member `async_drop(T&)` with one of the three result types above.
template <class T>
struct async_drop_traits {
    /// Starts T's own async_drop_impl().
    static auto async_drop(T& value) noexcept(noexcept(value.async_drop_impl()))
        requires requires { value.async_drop_impl(); }
    {
        return value.async_drop_impl();
    }
};

namespace detail {

template <class R>
concept ResultLike = requires(R& result) {
    { result.has_value() } -> std::convertible_to<bool>;
    result.error();
};

template <class T>
using drop_return_t = decltype(async_drop_traits<T>::async_drop(std::declval<T&>()));

template <class R>
inline constexpr bool is_drop_return = false;
template <class Executor>
inline constexpr bool is_drop_return<asio::awaitable<void, Executor>> = true;
template <ResultLike R, class Executor>
inline constexpr bool is_drop_return<asio::awaitable<R, Executor>> = true;

template <class T>
concept DropsAsynchronously =
    requires(T& value) { async_drop_traits<T>::async_drop(value); } && is_drop_return<drop_return_t<T>>;

}  // namespace detail

/// A type with synchronous cleanup: `void async_drop_impl() noexcept`.
template <class T>
concept SyncDroppable = requires(T& value) {
    { async_drop_traits<T>::async_drop(value) } noexcept -> std::same_as<void>;
};

/// A type with a cleanup that a guard can run.
template <class T>
concept AsyncDrop = SyncDroppable<T> || detail::DropsAsynchronously<T>;

namespace detail {

template <class T>
struct DropError {
    using type = std::exception_ptr;
};

template <SyncDroppable T>
struct DropError<T> {
    using type = never;
};

template <class T>
inline constexpr bool drops_to_result =
    DropsAsynchronously<T> && !std::is_void_v<typename Awaited<drop_return_t<T>>::type>;

template <DropsAsynchronously T>
    requires(!std::is_void_v<typename Awaited<drop_return_t<T>>::type>)
struct DropError<T> {
    using type =
        std::remove_cvref_t<decltype(std::declval<typename Awaited<drop_return_t<T>>::type&>().error())>;
};

// The exception that stands for the error value of a cleanup.
template <class E>
std::exception_ptr to_exception(const E& error) {
    if constexpr (std::is_same_v<E, std::exception_ptr>) {
        return error;
    } else if constexpr (std::is_same_v<E, boost::system::error_code>) {
        return std::make_exception_ptr(boost::system::system_error(error));
    } else if constexpr (boost::system::is_error_code_enum<E>::value) {
        return std::make_exception_ptr(boost::system::system_error(make_error_code(error)));
    } else {
        return std::make_exception_ptr(error);
    }
}

}  // namespace detail

/// The error type of T's cleanup: `std::exception_ptr`, the E of a result, or `never`.
template <AsyncDrop T>
using async_drop_error_t = typename detail::DropError<T>::type;

/// What try_async_drop() delivers: nothing, or the error of the cleanup.
template <class E>
using DropResult = boost::system::result<void, E>;

}  // namespace asyncdrop
