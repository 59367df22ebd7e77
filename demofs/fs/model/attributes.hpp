// What stat(2) tells of an inode, and the small values that go with it.
#pragma once

#include <cstdint>
#include <ctime>

#include "demofs/base/types.hpp"

namespace demofs::fs {

inline constexpr InodeNumber root_inode{1};

/// Time since the epoch, UTC; nanoseconds < 1e9.
struct Timestamp {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;

    /// The kernel's tick, as disk filesystems use it. The kernel stamps what it writes back from the same
    /// clock: a file that is written within the tick of its creation needs no request of its own to set its
    /// times.
    static Timestamp now() {
        timespec t{};
        clock_gettime(CLOCK_REALTIME_COARSE, &t);
        return {t.tv_sec, static_cast<std::uint32_t>(t.tv_nsec)};
    }
    friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

struct Attributes {
    InodeNumber inode{};
    std::uint32_t mode = 0;  ///< S_IFMT and permission bits
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t links = 0;
    std::uint32_t device = 0;      ///< of character and block devices
    std::uint64_t size_bytes = 0;  ///< directories: a rough figure that grows with the entries
    std::uint64_t allocated_bytes =
        0;  ///< file data held by extents and inline, and what buffers add to the end
    Timestamp accessed;
    Timestamp modified;
    Timestamp changed;
};

}  // namespace demofs::fs
