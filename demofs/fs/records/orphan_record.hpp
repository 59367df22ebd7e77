// The value of an entry of kind `orphan`: work left for the reclaimer, found again after a crash. The key is
// a number that may name an inode, a data id, or both (an inode's first data id equals its number), so one
// record can ask for either or both.
//
// Format: docs/on-disk-format.md, "Values". Pure values, any thread.
#pragma once

#include <cstdint>

#include "demofs/base/bytes.hpp"
#include "demofs/base/types.hpp"

namespace demofs::fs {

struct OrphanRecord {
    bool free_inode = false;  ///< the inode has no name left: free it and its content once nobody uses it
    bool free_data = false;   ///< free the data id's content from `from_offset` on
    std::uint64_t from_offset = 0;  ///< 0: all of it, the inline entry too
    InodeNumber trimmed_inode{};    ///< whose content goes on being used below from_offset; 0 if nobody's

    bool empty() const { return !free_inode && !free_data; }

    friend bool operator==(const OrphanRecord&, const OrphanRecord&) = default;
};

[[nodiscard]] Bytes encode(const OrphanRecord& record);

/// Throws Error: Errc::corrupt, Errc::unsupported_format.
[[nodiscard]] OrphanRecord decode_orphan_record(ByteSpan value);

}  // namespace demofs::fs
