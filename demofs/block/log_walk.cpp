#include "demofs/block/log_walk.hpp"

#include <algorithm>
#include <utility>

namespace demofs::block {
namespace {

constexpr std::uint32_t window_bytes = 1u << 20;

}  // namespace

// The bytes [offset, offset + size) of the object, fewer if it ends before; reads ahead within the range.
boost::asio::awaitable<ByteSpan> LogWalk::bytes_at(std::uint32_t offset, std::uint32_t size) {
    const bool inside =
        offset >= window_begin_ && offset - window_begin_ + std::size_t{size} <= window_.size();
    if (!inside) {
        const std::uint32_t ahead = range_.end > offset ? std::min(range_.end - offset, window_bytes) : 0;
        ByteBuffer window(std::max(size, ahead));
        const MutableByteSpan out = window.span();
        std::string object = segment_.object;
        const std::size_t read = co_await store_.read(std::move(object), offset, out);
        window.shrink(read);
        window_ = std::move(window);
        window_begin_ = offset;
    }
    const ByteSpan from_offset = std::as_const(window_).span().subspan(offset - window_begin_);
    co_return from_offset.first(std::min<std::size_t>(size, from_offset.size()));
}

boost::asio::awaitable<std::optional<LogWalk::Block>> LogWalk::next() {
    if (state_ != LogState::intact || offset_ == range_.end) co_return std::nullopt;

    // Right here, or behind filler on the next boundary.
    std::optional<StoredHeader> header;
    const std::uint32_t candidates[] = {offset_, align_up(offset_)};
    bool cut = false;
    for (const std::uint32_t candidate : candidates) {
        if (candidate >= range_.end) continue;
        const ByteSpan stored = co_await bytes_at(candidate, block_header_bytes);
        cut = stored.size() < block_header_bytes;
        header = open_block_header(segment_, candidate, stored);
        if (!header) continue;
        offset_ = candidate;
        break;
    }
    if (!header) {
        state_ = cut ? LogState::too_short : LogState::not_authentic;
        co_return std::nullopt;
    }

    Block block;
    block.address.segment = segment_.id;
    block.address.offset = offset_;
    block.address.payload_bytes = header->payload_bytes;
    block.header = header->header;
    const std::uint32_t size = block.address.stored_bytes();
    const ByteSpan stored = co_await bytes_at(offset_, size);
    if (stored.size() < size) {
        state_ = LogState::too_short;
        co_return std::nullopt;
    }
    plain_ = ByteBuffer(header->payload_bytes);
    if (block.address.end() > range_.end ||
        !open_block_payload(segment_, offset_, stored.subspan(block_header_bytes), plain_.span())) {
        state_ = LogState::not_authentic;
        co_return std::nullopt;
    }
    block.payload = std::as_const(plain_).span();
    block.tags = tags_of(stored);
    offset_ = block.address.end();
    co_return block;
}

}  // namespace demofs::block
