// What the headers of all blocks of a vault tell: which nodes, commits and pieces of files there are, and who
// has written them.
//
// Memory: about 90 bytes for each tree node, and 72 for each run of data blocks, which is one block if a file
// was written here and there, and up to a segment if it was written from its begin to its end.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/block/address.hpp"
#include "demofs/block/segment.hpp"
#include "demofs/fs/records/extent_record.hpp"
#include "demofs/tree/key.hpp"

namespace demofs::fs {

/// A tree node that can be read and decoded, or a commit record: then it stands for the root that it names,
/// whose keys are all there are.
struct FoundNode {
    block::BlockAddress address;  ///< of the node; of a record, of its root
    Generation birth{0};
    unsigned level = 0;
    bool is_record = false;
    tree::Key first;  ///< the lowest and the highest key (of an inner node: of its slots)
    tree::Key last;
    SessionId session;
};

/// Data blocks of one file that lie one behind the other, in the segment and in the file.
struct FoundRun {
    std::uint64_t data = 0;      ///< id of the content
    std::uint64_t position = 0;  ///< of the first byte, in the file
    ExtentRecord run;            ///< all of it: nothing is skipped
};

struct FoundBlocks {
    std::vector<FoundNode> nodes;
    std::vector<FoundRun> runs;
    std::unordered_map<SessionId, block::Origin> origins;
    /// The highest birth of any block of the session.
    std::unordered_map<SessionId, Generation> newest;
    /// The session of each segment that can be opened.
    std::unordered_map<block::SegmentId, SessionId> sessions;

    std::uint64_t blocks = 0;
    std::uint64_t stored_bytes = 0;   ///< of all segments
    std::uint64_t scanned_bytes = 0;  ///< of those, how far the search has come
    std::uint64_t segments = 0;
    std::uint64_t unreadable_segments = 0;  ///< neither header opens: no key, so nothing in them can be read
    std::uint64_t foreign_objects = 0;      ///< that are no segments of this vault
    std::uint64_t damaged_bytes = 0;        ///< between blocks
    std::uint64_t unreadable_nodes = 0;     ///< whose header is authentic, and whose content is not
    std::uint64_t unknown_blocks = 0;       ///< of a newer version
};

}  // namespace demofs::fs
