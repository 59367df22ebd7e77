// Durations and points in time that saturate: what is too long to be told in the clock's unit, or to be added
// to now, means never.
//
// Threads: pure functions.
#pragma once

#include <chrono>

namespace asyncdrop::detail {

template <class Rep, class Period>
constexpr std::chrono::steady_clock::duration saturated(
    std::chrono::duration<Rep, Period> duration) noexcept {
    using Given = std::chrono::duration<Rep, Period>;
    using Steady = std::chrono::steady_clock::duration;
    if (duration <= Given::zero()) return Steady::zero();
    if (duration >= std::chrono::duration_cast<Given>(Steady::max())) return Steady::max();
    return std::chrono::duration_cast<Steady>(duration);
}

template <class Rep, class Period>
std::chrono::steady_clock::time_point from_now(std::chrono::duration<Rep, Period> duration) noexcept {
    using Time = std::chrono::steady_clock::time_point;
    const Time now = std::chrono::steady_clock::now();
    const auto wait = saturated(duration);
    return wait > Time::max() - now ? Time::max() : now + wait;
}

}  // namespace asyncdrop::detail
