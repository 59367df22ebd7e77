// What to say about a T that is no AsyncDrop: one sentence for each way to get its cleanup wrong.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <type_traits>

namespace asyncdrop::detail {

// Whether T has a member async_drop_impl, whatever its access and type: the name is ambiguous in a class that
// inherits it from two.
struct HasDropImpl {
    int async_drop_impl;
};
template <class T>
struct InheritsTwice : T, HasDropImpl {};
template <class T>
concept NamesCleanup =
    std::is_class_v<T> && !std::is_final_v<T> && !requires { &InheritsTwice<T>::async_drop_impl; };

template <class T>
constexpr void check_cleanup() noexcept {
    if constexpr (!AsyncDrop<T>) {
        constexpr bool callable = requires(T& value) { async_drop_traits<T>::async_drop(value); };
        if constexpr (!callable && !NamesCleanup<T>) {
            static_assert(
                callable,
                "AsyncDropGuard<T>: T has no cleanup. Give it `asio::awaitable<void> async_drop_impl()` or "
                "`void async_drop_impl() noexcept`, or specialise asyncdrop::async_drop_traits<T>.");
        } else if constexpr (!callable) {
            static_assert(
                callable,
                "AsyncDropGuard<T>: T::async_drop_impl cannot be called. It must be public, take no "
                "arguments, and be a plain member function.");
        } else if constexpr (std::is_void_v<drop_return_t<T>>) {
            static_assert(
                !callable,
                "AsyncDropGuard<T>: the cleanup of T returns void and is not noexcept. A synchronous "
                "cleanup cannot fail: declare it noexcept, or return asio::awaitable<void>.");
        } else {
            static_assert(
                !callable,
                "AsyncDropGuard<T>: the cleanup of T returns another type than a guard can await. It "
                "must be asio::awaitable<void>, an awaitable of a result, or void.");
        }
    }
}

}  // namespace asyncdrop::detail
