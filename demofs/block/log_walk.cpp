// How blocks are found without addresses: a block's header tells its length, so the next one lies right
// behind it, or, behind filler, on the next boundary. Whether one was left out between is told by the hash
// over the tags, not by the walk.
#include "demofs/block/log_walk.hpp"

#include <algorithm>
#include <utility>

namespace demofs::block {
namespace {

constexpr std::uint32_t window_bytes = 1u << 20;

}  // namespace

LogWalk::LogWalk(store::ObjectStore& store, SharedSegment segment, const LogRange& range)
    : range_(range), offset_(range.begin), window_(store, std::move(segment)) {}

// Loads the window so that it has [offset, offset + size), and what follows in the range.
boost::asio::awaitable<void> LogWalk::need(std::uint32_t offset, std::uint32_t size) {
    if (window_.holds(offset, size)) co_return;
    const std::uint32_t ahead = range_.end > offset ? std::min(range_.end - offset, window_bytes) : 0;
    co_await window_.load(offset, std::max(size, ahead));
}

boost::asio::awaitable<std::optional<FoundBlock>> LogWalk::next() {
    if (state_ != LogState::intact || offset_ == range_.end) co_return std::nullopt;

    std::optional<StoredHeader> header;
    const std::uint32_t candidates[] = {offset_, align_up(offset_)};
    bool cut = false;
    for (const std::uint32_t candidate : candidates) {
        if (candidate >= range_.end) continue;
        co_await need(candidate, block_header_bytes);
        cut = !window_.holds(candidate, block_header_bytes);
        header = window_.header_at(candidate);
        if (!header) continue;
        offset_ = candidate;
        break;
    }
    if (!header) {
        state_ = cut ? LogState::too_short : LogState::not_authentic;
        co_return std::nullopt;
    }

    const std::uint32_t size = stored_block_bytes(header->payload_bytes);
    co_await need(offset_, size);
    if (!window_.holds(offset_, size)) {
        state_ = LogState::too_short;
        co_return std::nullopt;
    }
    FoundBlock block = window_.block_at(offset_, *header);
    // A block that goes on behind the range's end is not one of those that were written into it.
    if (!block.payload || block.address.end() > range_.end) {
        state_ = LogState::not_authentic;
        co_return std::nullopt;
    }
    offset_ = block.address.end();
    co_return block;
}

}  // namespace demofs::block
