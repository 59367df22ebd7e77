// Bytes as hexadecimal digits, in the one spelling that names and files of a vault use.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "demofs/base/bytes.hpp"

namespace demofs::crypto {

/// Two lower-case digits for each byte.
[[nodiscard]] std::string to_hex(ByteSpan bytes);

/// Whether `digits` is what to_hex makes of as many bytes as `bytes` has, which are then set; else their value is
/// unspecified.
[[nodiscard]] bool from_hex(std::string_view digits, MutableByteSpan bytes);

}  // namespace demofs::crypto
