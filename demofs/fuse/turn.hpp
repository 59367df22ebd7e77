// How long the session's loop reads requests in one go before the executor's other work runs.
//
// Reading on without the reactor saves time while requests are small. But the coroutines that encrypt and write
// what was received run on the same thread: after some megabytes they have waited longer than the disk needs for
// what they last gave it, and it stands idle.
//
// Threads: none of its own; a plain value.
#pragma once

#include <cstddef>

namespace demofs::fuse {

class Turn {
  public:
    /// A request of `size_bytes`, its data included, was served.
    void served(std::size_t size_bytes) {
        ++requests_;
        bytes_ += size_bytes;
    }

    /// Whether it is the others' turn.
    [[nodiscard]] bool over() const { return requests_ >= most_requests || bytes_ >= enough_bytes; }

    static constexpr int most_requests = 33;
    static constexpr std::size_t enough_bytes = 1u << 20;

  private:
    int requests_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace demofs::fuse
