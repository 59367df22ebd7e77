// The value of an entry of kind `extent`: where a stretch of a file's bytes lies. The key is the offset of
// its first byte in the file.
//
// An extent is a view of a *run*: blocks that lie one behind the other in a segment, each with a payload of
// `block_bytes` but for the last, which may hold less. Extents are exact to the byte: overwriting part of one
// trims or splits it, and never reads and rewrites a block.
//
// Format: docs/on-disk-format.md, "Values". Pure values, any thread.
#pragma once

#include <cstdint>

#include "demofs/base/bytes.hpp"
#include "demofs/base/types.hpp"
#include "demofs/block/address.hpp"

namespace demofs::fs {

struct ExtentRecord {
    block::SegmentId segment;
    std::uint32_t first_block = 0;   ///< offset of the run's first block in the segment
    std::uint32_t block_bytes = 0;   ///< payload of each block of the run but the last
    std::uint64_t run_bytes = 0;     ///< payload of the whole run
    std::uint64_t skip_bytes = 0;    ///< bytes of the run before the extent's first one
    std::uint64_t length_bytes = 0;  ///< of the extent
    /// The commit attempt in which the run's first block was stored first: no older commit refers to the run.
    Generation birth{0};

    /// The block that holds byte `position` of the run, and where in the block it is.
    struct Place {
        block::BlockAddress block;
        std::uint32_t offset = 0;
    };
    Place locate(std::uint64_t position) const;

    /// Whether the block at `next`, appended for the byte right behind this extent, makes the run longer.
    bool continues_with(const block::BlockAddress& next) const;

    friend bool operator==(const ExtentRecord&, const ExtentRecord&) = default;
};

[[nodiscard]] Bytes encode(const ExtentRecord& record);

/// Throws Error: Errc::corrupt (also for numbers that contradict each other), Errc::unsupported_format.
[[nodiscard]] ExtentRecord decode_extent_record(ByteSpan value);

}  // namespace demofs::fs
