// Finds every block of a segment whose header can be read, whatever is damaged between them: for salvage.
//
// A header tells its block's length, so the next block lies right behind it, or, behind filler, on the next
// boundary. Where neither is so something is damaged, and nothing tells the length any more: then each byte
// is tried. A try costs one small decryption, what is no header of this segment does not authenticate, and
// zeros are passed over, so a damaged MiB costs about as much as a second of reading.
//
// Threads: the core thread, decrypting there. Memory: two windows of 1 MiB, or one block.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>

#include "demofs/base/bytes.hpp"
#include "demofs/block/segment_window.hpp"

namespace demofs::block {

/// A block whose header is authentic; its payload has not been looked at.
struct ScannedBlock {
    BlockAddress address;
    BlockHeader header;
};

class SegmentScan {
  public:
    /// `size_bytes` is the object's. `store` must outlive the scan.
    SegmentScan(store::ObjectStore& store, SharedSegment segment, std::uint64_t size_bytes);

    /// The next block, which may reach beyond the object's end if that was cut; nothing behind the last one.
    /// Throws the store's error.
    [[nodiscard]] boost::asio::awaitable<std::optional<ScannedBlock>> next();

    /// The payload of the block that next() has returned last; null if it is not authentic. Throws the
    /// store's error.
    [[nodiscard]] boost::asio::awaitable<SharedBytes> payload();

    /// Where the next block is looked for.
    [[nodiscard]] std::uint64_t offset() const { return offset_; }
    /// Bytes between blocks that cannot be filler. (Less than a page up to a boundary where a block lies can.)
    [[nodiscard]] std::uint64_t damaged_bytes() const { return damaged_bytes_; }
    /// Authentic headers that this version cannot read: a newer one wrote them.
    [[nodiscard]] std::uint64_t unknown_blocks() const { return unknown_blocks_; }

  private:
    boost::asio::awaitable<void> need(std::uint64_t offset, std::uint64_t size);
    boost::asio::awaitable<bool> search();
    bool open_in_window(std::uint64_t offset);
    bool open(std::uint64_t offset, ByteSpan stored);
    bool accept(std::uint32_t offset, const std::optional<StoredHeader>& header);

    store::ObjectStore& store_;
    SegmentWindow window_;
    std::uint64_t size_bytes_;
    std::uint64_t offset_;
    ScannedBlock block_;  // the last one
    std::uint64_t damaged_bytes_ = 0;
    std::uint64_t unknown_blocks_ = 0;
};

}  // namespace demofs::block
