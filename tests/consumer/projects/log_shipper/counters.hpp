// Counters: a type of another library that knows nothing of asyncdrop. A specialisation of async_drop_traits
// makes it guardable: its cleanup is synchronous and cannot fail.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <cstddef>

namespace metrics {

struct Totals {
    std::size_t shipped = 0;
    std::size_t rejected = 0;
};

/// Adds its counts to the totals when it is flushed.
class Counters {
  public:
    explicit Counters(Totals& totals) noexcept : totals_(&totals) {}
    void shipped(std::size_t lines) noexcept { counted_.shipped += lines; }
    void rejected() noexcept { ++counted_.rejected; }
    void flush() noexcept {
        totals_->shipped += counted_.shipped;
        totals_->rejected += counted_.rejected;
        counted_ = Totals();
    }

  private:
    Totals* totals_;
    Totals counted_;
};

}  // namespace metrics

template <>
struct asyncdrop::async_drop_traits<metrics::Counters> {
    static void async_drop(metrics::Counters& counters) noexcept { counters.flush(); }
};

static_assert(asyncdrop::SyncDroppable<metrics::Counters>);
