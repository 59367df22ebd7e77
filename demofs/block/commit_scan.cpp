#include <algorithm>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/block/log_reader.hpp"

namespace demofs::block {
namespace {

constexpr std::uint64_t window_bytes = 1u << 20;

}  // namespace

CommitScan::CommitScan(store::ObjectStore& store, SharedSegment segment, std::uint64_t size_bytes)
    : store_(store),
      segment_(std::move(segment)),
      size_bytes_(std::min<std::uint64_t>(size_bytes, UINT32_MAX)),
      next_boundary_((size_bytes_ + boundary_bytes - 1) / boundary_bytes * boundary_bytes),
      window_begin_(next_boundary_) {}

boost::asio::awaitable<std::optional<FoundBlock>> CommitScan::next() {
    while (next_boundary_ > boundary_bytes) {  // the first boundary is the segment's header
        const std::uint64_t offset = next_boundary_ - boundary_bytes;
        if (offset < window_begin_) {
            const std::uint64_t begin = next_boundary_ > window_bytes ? next_boundary_ - window_bytes : 0;
            ByteBuffer window(std::min(next_boundary_, size_bytes_) - begin);
            const MutableByteSpan out = window.span();
            std::string object = segment_->object;
            const std::size_t size = co_await store_.read(std::move(object), begin, out);
            window.shrink(size);
            window_ = std::move(window);
            window_begin_ = begin;
        }
        next_boundary_ = offset;
        const std::size_t at = std::min<std::size_t>(offset - window_begin_, window_.size());
        const ByteSpan stored = std::as_const(window_).span().subspan(at);
        const auto place = static_cast<std::uint32_t>(offset);
        const auto header = open_block_header(*segment_, place, stored);
        if (!header || header->header.kind != BlockKind::commit || header->flags != 0) continue;
        FoundBlock block = co_await found(place, *header);
        co_return block;
    }
    co_return std::nullopt;
}

boost::asio::awaitable<FoundBlock> CommitScan::found(std::uint32_t offset, StoredHeader header) {
    FoundBlock block;
    block.address.segment = segment_->id;
    block.address.offset = offset;
    block.address.payload_bytes = header.payload_bytes;
    block.header = header.header;
    ByteBuffer stored(header.payload_bytes + crypto::tag_bytes);
    const MutableByteSpan out = stored.span();
    std::string object = segment_->object;
    const std::size_t size = co_await store_.read(std::move(object), offset + block_header_bytes, out);
    ByteBuffer plain(header.payload_bytes);
    if (size == out.size() && open_block_payload(*segment_, offset, out, plain.span()))
        block.payload = std::move(plain).freeze();
    co_return block;
}

}  // namespace demofs::block
