// What a read returns, as pieces: bytes that are at hand, and parts of blocks that may have to be read first.
//
// A plan is made in one synchronous step, so it shows the file at one moment, whatever happens while its
// blocks are awaited (blocks are immutable).
//
// Threads: the core.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/fs/content/dirty_file.hpp"
#include "demofs/fs/records/inode_record.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::fs {

struct ReadPlan {
    struct Piece {
        SharedBytes bytes;          ///< empty until its block is there
        block::BlockAddress block;  ///< where it is if `bytes` is empty
        std::uint32_t block_offset = 0;
        std::size_t length = 0;
    };

    std::vector<Piece> pieces;
    std::size_t size_bytes = 0;

    /// Fills in pieces whose blocks are in memory; whether all are filled now.
    bool fill_from_memory(block::BlockStore& blocks);

    /// The part that is missing if it is only one.
    std::optional<block::BlockPart> only_missing_part() const;
    /// Fills it in.
    void fill_part(SharedBytes bytes);

    /// The blocks of the other pieces, each once, in the order of their first use.
    std::vector<block::BlockAddress> missing() const;
    /// Fills in pieces out of blocks read for missing(), in that order.
    void fill(const std::vector<block::BlockAddress>& addresses, const std::vector<SharedBytes>& payloads);
};

/// The bytes [offset, offset + size) of a file, as far as it goes: what is buffered in `dirty` (null:
/// nothing) over what the tree has, zeros in the holes. Throws tree::NodeFault.
ReadPlan plan_read(tree::Tree& tree, const InodeRecord& record, const DirtyFile* dirty, std::uint64_t offset,
                   std::size_t size);

}  // namespace demofs::fs
