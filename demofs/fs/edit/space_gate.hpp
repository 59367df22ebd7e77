// Admits what needs new space only while the store has more than the reserve, which deletes, truncates and
// commits live on when it is full. The store is asked rarely; in between, what was admitted is counted.
//
// Threads: the core.
#pragma once

#include <algorithm>
#include <cstdint>

#include "demofs/fs/model/must_wait.hpp"
#include "demofs/store/object_store.hpp"

namespace demofs::fs {

class SpaceGate {
  public:
    explicit SpaceGate(std::uint64_t reserve_bytes) : reserve_bytes_(reserve_bytes) {}

    /// Whether `bytes` more may be written. Throws MustWait if the store has to be asked first.
    bool admit(std::uint64_t bytes) {
        if (!known_ || admitted_bytes_ > ask_again_after_bytes) throw MustWait(MustWait::Reason::space);
        if (free_bytes_ >= reserve_bytes_of(total_bytes_) + admitted_bytes_ + bytes) {
            admitted_bytes_ += bytes;
            just_asked_ = false;  // who is refused next deserves a fresh answer
            return true;
        }
        if (!just_asked_) throw MustWait(MustWait::Reason::space);
        just_asked_ = false;
        return false;
    }

    /// What the store said; `unwritten_bytes` were admitted but had not reached it.
    void update(const store::StoreSpace& space, std::uint64_t unwritten_bytes) {
        total_bytes_ = space.total_bytes;
        free_bytes_ = space.free_bytes - std::min(space.free_bytes, unwritten_bytes);
        admitted_bytes_ = 0;
        known_ = true;
        just_asked_ = true;
    }

    std::uint64_t reserve_bytes_of(std::uint64_t total_bytes) const {
        return std::min(reserve_bytes_, total_bytes / 16);
    }

  private:
    static constexpr std::uint64_t ask_again_after_bytes = 64u << 20;

    std::uint64_t reserve_bytes_;
    std::uint64_t total_bytes_ = 0;
    std::uint64_t free_bytes_ = 0;
    std::uint64_t admitted_bytes_ = 0;  // since the store was asked
    bool known_ = false;
    bool just_asked_ = false;
};

}  // namespace demofs::fs
