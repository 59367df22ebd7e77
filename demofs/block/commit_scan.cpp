// Finds commit records without knowing where they are: they start on boundaries, so each boundary is tried,
// from the end of the segment backwards. A try costs one small decryption; what is no header of this segment
// does not authenticate.
#include <algorithm>
#include <utility>

#include "demofs/block/log_reader.hpp"

namespace demofs::block {
namespace {

constexpr std::uint64_t window_bytes = 1u << 20;

}  // namespace

CommitScan::CommitScan(store::ObjectStore& store, SharedSegment segment, std::uint64_t size_bytes)
    : store_(store),
      segment_(segment),
      size_bytes_(std::min<std::uint64_t>(size_bytes, UINT32_MAX)),
      next_boundary_((size_bytes_ + boundary_bytes - 1) / boundary_bytes * boundary_bytes),
      window_(store, std::move(segment)),
      window_begin_(next_boundary_) {}

boost::asio::awaitable<std::optional<FoundBlock>> CommitScan::next() {
    while (next_boundary_ > boundary_bytes) {  // at the first one lies the segment's header
        const std::uint64_t offset = next_boundary_ - boundary_bytes;
        if (offset < window_begin_) {
            const std::uint64_t end = std::min(next_boundary_, size_bytes_);
            const std::uint64_t begin = next_boundary_ > window_bytes ? next_boundary_ - window_bytes : 0;
            co_await window_.load(begin, end - begin);
            window_begin_ = begin;
        }
        next_boundary_ = offset;
        const auto place = static_cast<std::uint32_t>(offset);
        const std::optional<StoredHeader> header = window_.header_at(place);
        if (!header || header->header.kind != BlockKind::commit) continue;
        const std::size_t stored_bytes = stored_block_bytes(header->payload_bytes);
        if (window_.holds(offset, stored_bytes)) {
            FoundBlock block = window_.block_at(place, *header);
            co_return block;
        }
        // A record may reach into what was looked at before, which is gone.
        SegmentWindow whole(store_, segment_);
        co_await whole.load(offset, stored_bytes);
        FoundBlock block = whole.block_at(place, *header);
        co_return block;
    }
    co_return std::nullopt;
}

}  // namespace demofs::block
