// Strong types for the numbers that name things, so that one cannot be passed where another is meant.
// Each is a scoped enum over uint64_t: free at run time, ordered, hashable; `raw` gives the number.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

namespace demofs {

/// Names an inode for ever: never reused within a vault.
enum class InodeNumber : std::uint64_t {};

/// Names the contents of a file; at first the inode's own number. Truncating a file with many extents to zero
/// gives it a fresh one.
enum class DataId : std::uint64_t {};

/// Counts commit attempts of a vault; never reused, also not by a failed attempt.
enum class Generation : std::uint64_t {};

/// Counts the freezes of one mount: changes of epoch N are in the commit that froze epoch N. Not stored.
enum class Epoch : std::uint64_t {};

template <class T>
concept StrongNumber = std::is_same_v<T, InodeNumber> || std::is_same_v<T, DataId> ||
                       std::is_same_v<T, Generation> || std::is_same_v<T, Epoch>;

template <StrongNumber T>
[[nodiscard]] constexpr std::uint64_t raw(T number) noexcept {
    return static_cast<std::uint64_t>(number);
}

/// The number after `number`.
template <StrongNumber T>
[[nodiscard]] constexpr T next(T number) noexcept {
    return T{raw(number) + 1};
}

/// Names one mount's writes: 128 random bits, drawn when the mount starts.
struct SessionId {
    std::array<std::byte, 16> bytes{};

    friend bool operator==(const SessionId&, const SessionId&) = default;
    friend auto operator<=>(const SessionId&, const SessionId&) = default;
};

}  // namespace demofs

template <>
struct std::hash<demofs::SessionId> {
    std::size_t operator()(const demofs::SessionId& id) const noexcept {
        std::size_t value = 0;  // the id is random: any of its bits are as good as a hash
        std::memcpy(&value, id.bytes.data(), sizeof value);
        return value;
    }
};
