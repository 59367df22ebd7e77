// Exceptions as error codes; see exception_to_error.hpp.
#pragma once

#include <asyncdrop/exception_to_error.hpp>
#include <asyncdrop/forgotten.hpp>
#include <boost/system/system_error.hpp>
#include <new>

namespace asyncdrop {

namespace detail {

// For an exception that an error code cannot express: its text would be lost.
inline void print_untold(const char* text) noexcept {
    Line line;
    line << "asyncdrop: a drop is reported as state_not_recoverable because of an exception: " << text;
    print_notice(line.view());
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

ASYNCDROP_DECL boost::system::error_code exception_to_error<boost::system::error_code>::convert(
    const std::exception_ptr& exception) noexcept {
    return detail::exception_to_code<boost::system::error_code, boost::system::system_error,
                                     boost::system::errc::errc_t>(exception);
}

ASYNCDROP_DECL std::error_code exception_to_error<std::error_code>::convert(
    const std::exception_ptr& exception) noexcept {
    return detail::exception_to_code<std::error_code, std::system_error, std::errc>(exception);
}

}  // namespace asyncdrop
