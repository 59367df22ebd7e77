// Points in time that saturate: a duration that is too long to be added to now means never.
//
// Threads: a pure function.
#pragma once

#include <chrono>

namespace asyncdrop::detail {

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime time_after(SteadyTime begin, SteadyTime::duration duration) noexcept {
    if (duration > SteadyTime::max() - begin) return SteadyTime::max();
    return begin + duration;
}

}  // namespace asyncdrop::detail
