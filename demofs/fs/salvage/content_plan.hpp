// Which bytes of a file are to be taken from where, when several blocks have some for the same place.
//
// Threads: pure functions over values.
#pragma once

#include <cstdint>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/fs/records/extent_record.hpp"

namespace demofs::fs {

/// Bytes of a file that some blocks have.
struct ContentSource {
    std::uint64_t begin = 0;  ///< in the file, of the first byte of the run that is meant
    ExtentRecord run;         ///< which bytes of which blocks
    /// When the file was known to have these bytes: of an extent, the newest commit that shows it; of a run
    /// of blocks, its birth.
    Generation time{0};
    bool by_header = false;     ///< the blocks' headers say so, and no extent
    bool may_be_older = false;  ///< something is known of the file that is newer than that

    std::uint64_t end() const { return begin + run.length_bytes; }
};

/// The bytes [begin, end) of the file come from this source.
struct ContentPart {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::size_t source = 0;  ///< its index

    friend bool operator==(const ContentPart&, const ContentPart&) = default;
};

/// Sorts sources by time: extents behind the blocks of their time, which they show; blocks in the order of
/// the log.
void sort_by_time(std::vector<ContentSource>& sources);

/// The parts of the file in order, where of several sources the last one of the list counts.
[[nodiscard]] std::vector<ContentPart> lay_over(const std::vector<ContentSource>& sources);

}  // namespace demofs::fs
