// The extents of one data id, edited inside a TreeEdit: cutting a stretch out, and putting new blocks in.
//
// Extents never overlap. Every byte cut out or put in is counted in its segment's usage.
//
// Threads: the core. Everything may throw tree::NodeFault but append() after its prepare().
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/fs/edit/tree_edit.hpp"
#include "demofs/fs/records/extent_record.hpp"

namespace demofs::fs {

/// Bytes on their way into one block: up to three pieces, one behind the other, in memory of the caller.
struct PendingBlock {
    std::uint64_t offset = 0;  ///< in the file
    std::array<ByteSpan, 3> parts{};

    std::uint64_t size() const { return parts[0].size() + parts[1].size() + parts[2].size(); }
    std::uint64_t end() const { return offset + size(); }
    SharedBytes payload() const;  ///< a copy
};

struct PlacedExtent {
    std::uint64_t offset = 0;  ///< in the file
    ExtentRecord record;

    std::uint64_t end() const { return offset + record.length_bytes; }
};

class ExtentMap {
  public:
    ExtentMap(TreeEdit& edit, DataId data) : edit_(&edit), data_(data) {}

    /// Removes the bytes [from, to) of the file and returns how many there were. Extents that reach beyond
    /// are trimmed or split.
    std::uint64_t cut(std::uint64_t from, std::uint64_t to);

    /// Removes what the extent around byte `offset` - 1 holds from `offset` on, and returns how much that
    /// was.
    std::uint64_t cut_extent_at(std::uint64_t offset);

    /// Extents that begin at or behind `offset` as stored in the tree, counted up to `limit`.
    std::size_t count_from(std::uint64_t offset, std::size_t limit);

    /// First half of storing blocks (ascending, without overlaps): makes room for them and returns the bytes
    /// that were there before; afterwards append() cannot fault.
    std::uint64_t prepare(const std::vector<PendingBlock>& blocks);

    /// Second half: appends the blocks to the log and puts their extents. `block_bytes` is what a full block
    /// holds, `birth` the next commit attempt. Throws Error(Errc::writes_failed) like BlockStore::append; the edit is worthless then.
    void append(const std::vector<PendingBlock>& blocks, block::BlockStore& store, std::uint32_t block_bytes,
                Generation birth);

  private:
    std::optional<PlacedExtent> last_not_after(std::uint64_t offset);
    void put(const PlacedExtent& extent);

    TreeEdit* edit_;
    DataId data_;
};

}  // namespace demofs::fs
