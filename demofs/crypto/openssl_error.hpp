// Turns a failure of OpenSSL into an exception that says why.
#pragma once

#include <openssl/err.h>

#include <array>
#include <string>

#include "demofs/base/error.hpp"

namespace demofs::crypto::detail {

/// Throws Error (std::errc::io_error) with OpenSSL's own reason, and empties this thread's error queue.
[[noreturn]] inline void throw_openssl_error(const char* what) {
    std::array<char, 256> reason{};
    ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
    ERR_clear_error();
    throw Error(std::errc::io_error, std::string(what) + " (" + reason.data() + ")");
}

/// Throws unless an OpenSSL call returned success (1).
inline void check_openssl(int result, const char* what) {
    if (result != 1) throw_openssl_error(what);
}

}  // namespace demofs::crypto::detail
