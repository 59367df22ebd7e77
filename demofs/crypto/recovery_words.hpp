// The 2048 words of which recovery keys are made: the English list of BIP 39, in alphabetical order.
//
// The build takes them from Debian's package python3-mnemonic, and refuses a list that is not this one, byte
// by byte (CMakeLists.txt): a key that was written down years ago must mean the same for ever. No word has
// more than eight letters, and the first four tell each from all others.
//
// Threads: a constant.
#pragma once

#include <array>
#include <string_view>

namespace demofs::crypto {

extern const std::array<std::string_view, 2048> recovery_words;

}  // namespace demofs::crypto
