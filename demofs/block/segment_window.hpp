// A piece of a segment's object in memory, and the blocks in it: the one way from stored bytes to
// authenticated payloads.
//
// Everybody who reads blocks does the same three things: read a piece of an object, find the header of a
// block in it, open its payload. They differ only in how they know where a block lies: by its address (the
// tree), behind the one before it (a range of the log), on some boundary (commit records, a seal).
//
// Threads: one at a time; what does not suspend may run on a worker. Memory: the window.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "demofs/base/bytes.hpp"
#include "demofs/block/block_codec.hpp"
#include "demofs/block/segment.hpp"
#include "demofs/store/object_store.hpp"

namespace demofs::block {

/// Reads [begin, begin + out.size()) of the object of segment `id`, at once if that is little and the system
/// has it in memory. Returns how many bytes there were: fewer only at the object's end. Throws
/// Error(Errc::vault_incomplete) if there is no such object, or the store's error.
[[nodiscard]] boost::asio::awaitable<std::size_t> read_object(store::ObjectStore& store, SegmentId id,
                                                              std::string object, std::uint64_t begin,
                                                              MutableByteSpan out);

/// A block whose place was not known from an address.
struct FoundBlock {
    BlockAddress address;
    BlockHeader header;
    SharedBytes payload;  ///< null if the header is authentic and the payload is not: torn or damaged
    BlockTags tags{};     ///< of the block as stored; unspecified without a payload
};

class SegmentWindow {
  public:
    /// An empty window. `store` must outlive it.
    SegmentWindow(store::ObjectStore& store, SharedSegment segment);

    /// Holds [begin, begin + size) of the object from now on, fewer bytes if the object ends before. Errors
    /// as for read_object; the window is then empty.
    [[nodiscard]] boost::asio::awaitable<void> load(std::uint64_t begin, std::size_t size);

    [[nodiscard]] const Segment& segment() const { return *segment_; }
    [[nodiscard]] bool holds(std::uint64_t offset, std::size_t size) const;

    /// The header of the block that starts at `offset`; nothing if none does, or the window ends within it.
    /// Throws as open_block_header.
    [[nodiscard]] std::optional<StoredHeader> header_at(std::uint32_t offset) const;

    /// The block at `offset` whose header is `header`. Without a payload if that is not authentic or the
    /// window ends within it.
    [[nodiscard]] FoundBlock block_at(std::uint32_t offset, const StoredHeader& header) const;

    /// The payload of the block `address` (of this segment), which must be of `kind`. Throws as open_block.
    [[nodiscard]] SharedBytes open(const BlockAddress& address, BlockKind kind) const;

    /// A part of the payload of a block of this segment, whose pieces the window was loaded with. Throws as
    /// open_block_part.
    [[nodiscard]] SharedBytes open_part(const BlockPart& part) const;

  private:
    ByteSpan bytes(std::uint64_t offset, std::size_t size) const;

    store::ObjectStore& store_;
    SharedSegment segment_;
    ByteBuffer buffer_;
    std::uint64_t begin_ = 0;
};

}  // namespace demofs::block
