#include "demofs/app/password_strength.hpp"

#include <zxcvbn.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace demofs::app {

namespace {

// Each guess costs about a second and 256 MiB (Argon2id): that many seconds are millions of years.
constexpr double enough_bits = 50;

// The time that zxcvbn takes grows with the square of the length, and what it judges so far is strong.
constexpr std::size_t most_judged_bytes = 64;

}  // namespace

std::string strength_hint(const crypto::Password& password) {
    const std::size_t size = std::min(password.size(), most_judged_bytes);
    crypto::SecretBytes terminated(size + 1);
    std::copy_n(password.bytes().begin(), size, terminated.mutable_bytes().begin());
    const double bits =
        ::ZxcvbnMatch(reinterpret_cast<const char*>(terminated.bytes().data()), nullptr, nullptr);
    if (bits >= enough_bits) return "";
    const auto digits = std::lround(bits / std::numbers::log2e_v<double> * std::numbers::log10e_v<double>);
    return "This password is weak: whoever gets hold of the vault needs about " +
           (digits == 0 ? std::string("one guess") : "10^" + std::to_string(digits) + " guesses") +
           " to find it. Several random words are stronger.";
}

}  // namespace demofs::app
