// Decides, without changing anything, what a write does: which blocks go to the log now, and what stays
// buffered.
//
//   * A chunk that the write covers, or completes, goes to the log as one block.
//   * A buffered stretch in the same chunk that the write neither touches nor adjoins makes way: to the log.
//   * If blocks sent now move the size in the tree, everything buffered below the new size goes with them, so
//     that the size never promises bytes that the tree does not have.
//   * The rest is merged into the buffer.
//
// Threads: the core. The spans point into the dirty file and the data of the write.
#pragma once

#include <cstdint>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/fs/content/dirty_file.hpp"
#include "demofs/fs/content/extent_map.hpp"

namespace demofs::fs {

struct WritePlan {
    struct Merge {
        std::uint64_t offset = 0;
        ByteSpan data;
    };

    std::vector<PendingBlock> blocks;    ///< for the log, ascending
    std::vector<std::uint64_t> leaving;  ///< stretches that the blocks contain or replace
    std::vector<Merge> merges;           ///< for the buffer, after the leaving ones are gone
    std::uint64_t stored_end = 0;        ///< behind the last block; 0 without blocks
};

/// `dirty` may be null: nothing is buffered. `stored_size` is the file's size in the tree.
WritePlan plan_write(const DirtyFile* dirty, std::uint64_t stored_size, std::uint32_t chunk_bytes,
                     std::uint64_t offset, ByteSpan data);

}  // namespace demofs::fs
