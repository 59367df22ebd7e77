// Whether a mount that is going down still moves on: what is left to save, looked at again and again.
//
// Moving on is that bytes become durable, a commit is done, or a part of the mount has ended. Time alone says
// nothing: a slow disk needs long. But a store that does not answer any more needs for ever.
//
// Threads: a plain value.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace demofs::app {

/// What is left at one moment.
struct SavingState {
    std::size_t bytes_left = 0;     ///< accepted and not durable
    std::uint64_t last_commit = 0;  ///< its number
    std::size_t parts_ended = 0;    ///< nodes of the teardown that have been dropped

    friend bool operator==(const SavingState&, const SavingState&) = default;
};

class SavingWatch {
  public:
    using Clock = std::chrono::steady_clock;

    /// From now on it should move.
    void begin(Clock::time_point now) { moved_ = now; }
    void look(const SavingState& state, Clock::time_point now) {
        if (state == last_) return;
        last_ = state;
        moved_ = now;
    }

    /// The time since it last moved.
    Clock::duration stuck_for(Clock::time_point now) const { return now - moved_; }
    const SavingState& last() const { return last_; }

  private:
    SavingState last_;
    Clock::time_point moved_{};
};

}  // namespace demofs::app
