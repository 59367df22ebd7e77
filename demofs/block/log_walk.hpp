// Walks the blocks of one log range in order and authenticates each.
//
// Threads: the core thread. Memory: one window of 1 MiB, or one block.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>

#include "demofs/block/log_reader.hpp"
#include "demofs/block/segment_window.hpp"

namespace demofs::block {

class LogWalk {
  public:
    /// `segment` is that of `range`; `store` must outlive the walk.
    LogWalk(store::ObjectStore& store, SharedSegment segment, const LogRange& range);

    /// The next block; nothing at the end of the range, or at the first bad place: then state() is not
    /// intact.
    [[nodiscard]] boost::asio::awaitable<std::optional<FoundBlock>> next();

    [[nodiscard]] LogState state() const { return state_; }
    /// Where the next block is looked for; of the bad place if there is one.
    [[nodiscard]] std::uint32_t offset() const { return offset_; }

  private:
    boost::asio::awaitable<void> need(std::uint32_t offset, std::uint32_t size);

    LogRange range_;
    std::uint32_t offset_;
    LogState state_ = LogState::intact;
    SegmentWindow window_;
};

}  // namespace demofs::block
