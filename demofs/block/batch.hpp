// Blocks on their way to a segment: a contiguous piece of the log, being encrypted, then waiting to be
// written.
//
// Threads: a batch belongs to one thread at a time; encrypt() may run on a worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/block/block_codec.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/block/filler.hpp"
#include "demofs/block/segment.hpp"

namespace demofs::block {

/// Where the log put a block: the segment, its offset, and the filler before it.
struct Slot {
    SharedSegment segment;
    std::uint32_t gap_begin = 0;  ///< [gap_begin, offset) is to be filled with random bytes
    std::uint32_t offset = 0;
    BlockNonces nonces{};
};

/// A block that was appended and is not encrypted yet.
struct PlainBlock {
    Slot slot;
    BlockHeader header;
    SharedBytes payload;

    [[nodiscard]] std::uint32_t begin() const { return slot.gap_begin; }
    [[nodiscard]] std::uint32_t end() const {
        return slot.offset + stored_block_bytes(static_cast<std::uint32_t>(payload.size()));
    }
    /// What it takes in the segment, filler before it included.
    [[nodiscard]] std::size_t stored_bytes() const { return end() - begin(); }
};

class Batch {
  public:
    /// An empty batch that starts where `first` (with its filler) does, with room for `capacity` bytes
    /// and the filler behind them.
    Batch(const PlainBlock& first, std::size_t capacity);

    /// Whether `block` lies right behind this batch and the whole stays within `limit` bytes.
    [[nodiscard]] bool accepts(const PlainBlock& block, std::size_t limit) const;

    /// Encrypts `blocks`, which must follow each other, behind what the batch holds.
    void encrypt(const std::vector<PlainBlock>& blocks);

    /// Random filler up to `offset` of the segment, behind its blocks; no block may follow.
    void fill_up_to(std::uint32_t offset);

    [[nodiscard]] const SharedSegment& segment() const { return segment_; }
    [[nodiscard]] std::uint32_t begin() const { return begin_; }
    [[nodiscard]] std::uint32_t end() const { return begin_ + static_cast<std::uint32_t>(used_); }
    [[nodiscard]] ByteSpan bytes() const { return memory_.span().first(used_); }

    /// The tags of all its blocks, in order.
    [[nodiscard]] const std::vector<BlockTags>& tags() const { return tags_; }

  private:
    MutableByteSpan extend(std::size_t bytes);

    SharedSegment segment_;
    std::uint32_t begin_;
    ByteBuffer memory_;
    std::size_t used_ = 0;
    std::vector<BlockTags> tags_;
    Filler filler_;
};

}  // namespace demofs::block
