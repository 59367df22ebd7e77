// Hexadecimal literals for test vectors.
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include "demofs/base/bytes.hpp"

namespace demofs::crypto_test {

inline Bytes from_hex(std::string_view digits) {
    if (digits.size() % 2 != 0) throw std::invalid_argument("odd number of hexadecimal digits");
    Bytes bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
    return bytes;
}

inline std::string to_hex(ByteSpan bytes) {
    std::string text;
    for (const std::byte byte : bytes) {
        constexpr std::string_view digits = "0123456789abcdef";
        text += digits[std::to_integer<unsigned>(byte) >> 4];
        text += digits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}

/// N bytes: first, first + 1, ...
template <std::size_t N>
std::array<std::byte, N> counting(unsigned first) {
    std::array<std::byte, N> bytes{};
    for (unsigned i = 0; i < N; ++i) bytes[i] = static_cast<std::byte>(first + i);
    return bytes;
}

}  // namespace demofs::crypto_test
