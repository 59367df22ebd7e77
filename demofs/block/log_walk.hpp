// Walks the blocks of one log range in order and authenticates each.
//
// Threads: the core thread. Memory: one window of 1 MiB, or one block.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>

#include "demofs/block/block_codec.hpp"
#include "demofs/block/log_reader.hpp"

namespace demofs::block {

class LogWalk {
  public:
    /// `segment` is that of `range`; both must outlive the walk, as must the store.
    LogWalk(store::ObjectStore& store, const Segment& segment, const LogRange& range)
        : store_(store), segment_(segment), range_(range), offset_(range.begin) {}

    struct Block {
        BlockAddress address;
        BlockHeader header;
        ByteSpan payload;  ///< valid until the next call
        BlockTags tags;
    };

    /// The next block; nothing at the end of the range, or at the first bad place: then state() is not
    /// intact.
    [[nodiscard]] boost::asio::awaitable<std::optional<Block>> next();

    [[nodiscard]] LogState state() const { return state_; }
    /// Where the next block is looked for; of the bad place if there is one.
    [[nodiscard]] std::uint32_t offset() const { return offset_; }

  private:
    boost::asio::awaitable<ByteSpan> bytes_at(std::uint32_t offset, std::uint32_t size);

    store::ObjectStore& store_;
    const Segment& segment_;
    LogRange range_;
    std::uint32_t offset_;
    LogState state_ = LogState::intact;
    ByteBuffer window_;
    std::uint32_t window_begin_ = 0;
    ByteBuffer plain_;
};

}  // namespace demofs::block
