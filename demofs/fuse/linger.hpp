// Decides whether the core looks for the next request a moment longer before it goes to sleep.
//
// A program that works with files sends its next request a few microseconds after the answer to the last one.
// Waking a sleeping thread on another processor costs more than that (tens of microseconds on a virtual
// machine), so after an answer the core keeps looking for `time`, as long as that has been worth it: one look
// in vain, and it sleeps at once until requests follow each other closely again. So an idle mount uses no
// processor time, and a busy one wastes at most `time` for each burst.
//
// Threads: none of its own; a plain value. Times are passed in, so that tests need no clock.
#pragma once

#include <chrono>

namespace demofs::fuse {

class Linger {
  public:
    using Clock = std::chrono::steady_clock;

    /// `time` zero: never.
    explicit Linger(Clock::duration time) : time_(time) {}

    /// A request was answered.
    void answered(Clock::time_point now) { until_ = now + time_; }

    /// A request was answered that is better followed by sleep: workers need the processor.
    void rest() { until_ = {}; }

    /// A request has ended the sleep: had lingering caught it?
    void woken(Clock::time_point now) { worth_it_ = now < until_; }

    /// There is no request: whether to look again instead of going to sleep.
    bool look_again(Clock::time_point now) {
        if (worth_it_ && now < until_) return true;
        worth_it_ = false;
        return false;
    }

  private:
    Clock::duration time_;
    Clock::time_point until_{};
    bool worth_it_ = false;
};

}  // namespace demofs::fuse
