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

#include <asyncdrop/forgotten.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <concepts>
#include <exception>
#include <new>
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

namespace detail {

// For an exception that an error code cannot express: its text would be lost.
inline void print_untold(const char* text) noexcept {
    Line line;
    line << "asyncdrop: a drop is reported as state_not_recoverable because of an exception: " << text;
    print(line.view());
}

template <class Code, class SystemError, class Errc>
Code exception_to_code(const std::exception_ptr& exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (const SystemError& error) {
        return error.code();
    } catch (const std::bad_alloc&) {
        return make_error_code(Errc::not_enough_memory);
    } catch (const std::exception& error) {
        print_untold(error.what());
    } catch (...) {
        print_untold("not a std::exception");
    }
    return make_error_code(Errc::state_not_recoverable);
}

}  // namespace detail

/// A system_error's code; not_enough_memory for std::bad_alloc; for anything else state_not_recoverable, and
/// its text goes to the message sink.
template <>
struct exception_to_error<boost::system::error_code> {
    /// A system_error's code; not_enough_memory; else state_not_recoverable, and a line for the message sink.
    static boost::system::error_code convert(const std::exception_ptr& exception) noexcept {
        return detail::exception_to_code<boost::system::error_code, boost::system::system_error,
                                         boost::system::errc::errc_t>(exception);
    }
};

/// The same for std::error_code.
template <>
struct exception_to_error<std::error_code> {
    /// A system_error's code; not_enough_memory; else state_not_recoverable, and a line for the message sink.
    static std::error_code convert(const std::exception_ptr& exception) noexcept {
        return detail::exception_to_code<std::error_code, std::system_error, std::errc>(exception);
    }
};

}  // namespace asyncdrop
