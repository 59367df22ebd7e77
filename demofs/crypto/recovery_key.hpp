// A recovery key: fourteen words on paper that open a vault when its password is forgotten.
//
// Twelve of them are drawn at random from 2048 (132 bits), and the last two check them: as numbers below
// 2^11, the fourteen are a Reed-Solomon code, so that any one or two wrong words are noticed before a key is
// derived, and of a single wrong word it is known which one it is. Others slip through once in 2^22. Words
// and not digits, because they are read out, written down and typed in without an echo with fewer mistakes,
// and because most mistakes make no word of the list at all.
//
// Threads: plain functions. Invariants: what is left of a key in ordinary memory is wiped on return.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "demofs/base/bytes.hpp"
#include "demofs/crypto/secret.hpp"

namespace demofs::crypto {

inline constexpr std::size_t recovery_key_words = 14;

/// A new key: the twelve random numbers, each as 16 bits in little endian.
[[nodiscard]] SecretBytes random_recovery_key();

/// The words of a key that random_recovery_key() made, in small letters with a blank between them.
[[nodiscard]] SecretBytes recovery_key_text(const SecretBytes& key);

/// What a text that somebody has typed is, seen as a recovery key.
struct TypedRecoveryKey {
    std::optional<SecretBytes> key;  ///< a good one
    /// What is wrong with it, if the text must have been meant as one: a sentence without its full stop that
    /// names the place and no word. Empty for a good one, and for any other text.
    std::string problem;
};

/// Small and capital letters are the same, and all that is no letter of the alphabet separates words: blanks,
/// hyphens, and the numbers that somebody has written before them. Throws std::bad_alloc only.
[[nodiscard]] TypedRecoveryKey read_recovery_key(ByteSpan text);

}  // namespace demofs::crypto
