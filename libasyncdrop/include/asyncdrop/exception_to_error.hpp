// exception_to_error<E>: an exception as a value of an error type.
//
// try_async_drop() reports errors as values. Yet an exception may come up on the way: std::bad_alloc for the
// cleanup's frame, or one from a cleanup that should have returned a result. Where E can tell it, it becomes
// an E, so that try_async_drop() throws nothing; where it cannot, the exception is thrown. Specialise this
// for an error type of your own:
//
//     template <>
//     struct asyncdrop::exception_to_error<MyError> {
//         static MyError convert(const std::exception_ptr& exception) noexcept;
//     };
//
// Threads: pure functions.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <boost/system/error_code.hpp>
#include <concepts>
#include <exception>
#include <system_error>

namespace asyncdrop {

/// No way to tell an exception in an E.
template <class E>
struct exception_to_error {};

/// Whether every exception can be told in an E.
template <class E>
concept TellsExceptions = requires(const std::exception_ptr& exception) {
    { exception_to_error<E>::convert(exception) } noexcept -> std::same_as<E>;
};

/// An exception as it is.
template <>
struct exception_to_error<std::exception_ptr> {
    /// Returns it.
    static std::exception_ptr convert(const std::exception_ptr& exception) noexcept { return exception; }
};

/// A system_error's code; not_enough_memory for std::bad_alloc; for anything else state_not_recoverable, and
/// its text goes to the message sink.
template <>
struct exception_to_error<boost::system::error_code> {
    /// A system_error's code; not_enough_memory; else state_not_recoverable, and a line for the message sink.
    static boost::system::error_code convert(const std::exception_ptr& exception) noexcept;
};

/// The same for std::error_code.
template <>
struct exception_to_error<std::error_code> {
    /// A system_error's code; not_enough_memory; else state_not_recoverable, and a line for the message sink.
    static std::error_code convert(const std::exception_ptr& exception) noexcept;
};

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/exception_to_error.ipp>
#endif
