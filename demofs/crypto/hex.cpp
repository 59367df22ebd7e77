// The digits are sodium's; only that capitals are refused is added, so that each value has one spelling.
#include "demofs/crypto/hex.hpp"

#include <sodium.h>

#include <algorithm>

namespace demofs::crypto {

std::string to_hex(ByteSpan bytes) {
    std::string digits(bytes.size() * 2 + 1, '\0');
    sodium_bin2hex(digits.data(), digits.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                   bytes.size());
    digits.pop_back();  // sodium's terminating zero
    return digits;
}

bool from_hex(std::string_view digits, MutableByteSpan bytes) {
    constexpr auto is_capital = [](char c) { return c >= 'A' && c <= 'F'; };
    if (digits.size() != 2 * bytes.size() || std::ranges::any_of(digits, is_capital)) return false;
    if (bytes.empty()) return true;  // sodium wants a place even for nothing
    std::size_t size = 0;
    const int failed = sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                      digits.data(), digits.size(), nullptr, &size, nullptr);
    return failed == 0 && size == bytes.size();
}

}  // namespace demofs::crypto
