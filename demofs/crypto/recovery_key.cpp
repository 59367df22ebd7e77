// The words as numbers are the coefficients of a polynomial over GF(2^11), the first word's that of the
// highest power. A key's polynomial is a multiple of (x + 1)(x + a) = x^2 + (a + 1) x + a, where `a`
// generates the field: its values at 1 and at `a` are 0. One wrong word, e too much at x^k, makes them e and
// e a^k, which tells k.
#include "demofs/crypto/recovery_key.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>

#include "demofs/base/random.hpp"
#include "demofs/crypto/recovery_words.hpp"

namespace demofs::crypto {

namespace {

constexpr std::size_t random_words = recovery_key_words - 2;
constexpr std::size_t key_bytes = 2 * random_words;
constexpr std::size_t longest_word = 8;

// So many words of the list do not come together by chance, nor in a sentence.
constexpr std::size_t enough_words = 10;

struct Numbers {
    std::array<std::uint16_t, recovery_key_words> at{};

    Numbers() = default;
    Numbers(const Numbers&) = delete;
    Numbers& operator=(const Numbers&) = delete;
    ~Numbers() { wipe(std::as_writable_bytes(std::span(at))); }
};

// By `a`, modulo x^11 + x^2 + 1, which is primitive.
constexpr unsigned times_a(unsigned value) {
    value <<= 1;
    return (value & 0x800) != 0 ? value ^ 0x805 : value;
}

// The remainder of the random words by that polynomial makes the whole a multiple of it.
void add_check_words(Numbers& numbers) {
    unsigned high = 0;
    unsigned low = 0;
    for (std::size_t i = 0; i < random_words; ++i) {
        const unsigned feedback = numbers.at[i] ^ high;
        high = low ^ times_a(feedback) ^ feedback;
        low = times_a(feedback);
    }
    numbers.at[random_words] = static_cast<std::uint16_t>(high);
    numbers.at[random_words + 1] = static_cast<std::uint16_t>(low);
}

std::string what_does_not_fit(const Numbers& numbers) {
    unsigned at_one = 0;
    unsigned at_a = 0;
    for (const unsigned number : numbers.at) {
        at_one ^= number;
        at_a = times_a(at_a) ^ number;
    }
    if (at_one == 0 && at_a == 0) return "";
    if (at_one != 0) {
        unsigned error = at_one;
        for (std::size_t word = recovery_key_words; word > 0; --word, error = times_a(error))
            if (error == at_a)
                return "its word " + std::to_string(word) + " is another than the one that was given out";
    }
    return "several of its words are wrong, or not in their order";
}

constexpr bool is_letter(std::byte byte) {
    const unsigned small = std::to_integer<unsigned>(byte) | 0x20U;
    return small >= 'a' && small <= 'z' && std::to_integer<unsigned>(byte) < 0x80;
}

// The place in the list, or nothing.
std::optional<std::uint16_t> number_of(ByteSpan word) {
    if (word.size() > longest_word) return std::nullopt;
    WipedArray<longest_word> small;
    std::ranges::transform(word, small.mutable_bytes().begin(),
                           [](std::byte letter) { return letter | std::byte{0x20}; });
    const std::string_view text = as_text(ByteSpan(small.bytes()).first(word.size()));
    const auto found = std::ranges::lower_bound(recovery_words, text);
    if (found == recovery_words.end() || *found != text) return std::nullopt;
    return static_cast<std::uint16_t>(found - recovery_words.begin());
}

SecretBytes key_of(const Numbers& numbers) {
    SecretBytes key(key_bytes);
    for (std::size_t i = 0; i < random_words; ++i) {
        key.mutable_bytes()[2 * i] = static_cast<std::byte>(numbers.at[i] & 0xff);
        key.mutable_bytes()[2 * i + 1] = static_cast<std::byte>(numbers.at[i] >> 8);
    }
    return key;
}

}  // namespace

SecretBytes random_recovery_key() {
    Numbers numbers;
    fill_random(std::as_writable_bytes(std::span(numbers.at)));
    for (std::uint16_t& number : numbers.at) number &= 0x7ff;
    return key_of(numbers);
}

SecretBytes recovery_key_text(const SecretBytes& key) {
    if (key.size() != key_bytes) throw std::logic_error("a recovery key must have 24 bytes");
    Numbers numbers;
    for (std::size_t i = 0; i < random_words; ++i) {
        numbers.at[i] = static_cast<std::uint16_t>(std::to_integer<unsigned>(key.bytes()[2 * i]) |
                                                   std::to_integer<unsigned>(key.bytes()[2 * i + 1]) << 8);
        if (numbers.at[i] >= recovery_words.size())
            throw std::logic_error("a recovery key has numbers below 2048");
    }
    add_check_words(numbers);
    SecretBytes text(recovery_key_words * (longest_word + 1));
    std::size_t size = 0;
    for (const std::uint16_t number : numbers.at) {
        if (size > 0) text.mutable_bytes()[size++] = std::byte{' '};
        std::ranges::copy(as_bytes(recovery_words[number]),
                          text.mutable_bytes().begin() + static_cast<std::ptrdiff_t>(size));
        size += recovery_words[number].size();
    }
    text.truncate(size);
    return text;
}

TypedRecoveryKey read_recovery_key(ByteSpan text) {
    Numbers numbers;
    std::size_t words = 0;
    std::size_t known = 0;
    std::size_t first_unknown = 0;  // counted from 1
    for (std::size_t begin = 0; begin < text.size();) {
        if (!is_letter(text[begin])) {
            ++begin;
            continue;
        }
        std::size_t end = begin;
        while (end < text.size() && is_letter(text[end])) ++end;
        const std::optional<std::uint16_t> number = number_of(text.subspan(begin, end - begin));
        begin = end;
        ++words;
        if (number) {
            ++known;
            if (words <= recovery_key_words) numbers.at[words - 1] = *number;
        } else if (first_unknown == 0) {
            first_unknown = words;
        }
    }
    TypedRecoveryKey typed;
    if (known < enough_words) return typed;
    if (words != recovery_key_words) {
        typed.problem = "it has " + std::to_string(words) + " words, and a recovery key has " +
                        std::to_string(recovery_key_words);
    } else if (first_unknown != 0) {
        typed.problem =
            "its word " + std::to_string(first_unknown) + " is none that recovery keys are made of";
    } else {
        typed.problem = what_does_not_fit(numbers);
    }
    if (typed.problem.empty()) typed.key = key_of(numbers);
    return typed;
}

}  // namespace demofs::crypto
