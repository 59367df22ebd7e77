// Two guesses where a block begins, and then every byte.
#include "demofs/block/segment_scan.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "demofs/base/error.hpp"

namespace demofs::block {
namespace {

constexpr std::uint64_t window_bytes = 1u << 20;
// No segment is larger than half of this; what lies behind is no part of one, and offsets have 32 bits.
constexpr std::uint64_t scanned_bytes = std::uint64_t{1} << 31;

// What is followed by a tag of zeros is no header, but once in 2^128 times.
bool is_zero_tag(ByteSpan stored_header) {
    static constexpr std::array<std::byte, crypto::tag_bytes> zeros{};
    return std::memcmp(stored_header.data() + block_header_plain_bytes, zeros.data(), zeros.size()) == 0;
}

}  // namespace

SegmentScan::SegmentScan(store::ObjectStore& store, SharedSegment segment, std::uint64_t size_bytes)
    : store_(store),
      window_(store, std::move(segment)),
      size_bytes_(std::min(size_bytes, scanned_bytes)),
      offset_(segment_header_bytes) {}

// Loads the window so that it has [offset, offset + size) as far as the object goes, and what follows.
boost::asio::awaitable<void> SegmentScan::need(std::uint64_t offset, std::uint64_t size) {
    if (window_.holds(offset, size) || offset >= size_bytes_) co_return;
    const std::uint64_t wanted = std::min(std::max(size, window_bytes), size_bytes_ - offset);
    co_await window_.load(offset, wanted);
}

boost::asio::awaitable<std::optional<ScannedBlock>> SegmentScan::next() {
    const std::uint64_t expected = offset_;
    const std::array<std::uint64_t, 2> guesses{expected, align_up(static_cast<std::uint32_t>(expected))};
    bool found = false;
    for (const std::uint64_t guess : guesses) {
        if (guess + block_header_bytes > size_bytes_) continue;
        co_await need(guess, block_header_bytes);
        found = open_in_window(guess);
        if (found) break;
    }
    if (!found) {
        found = co_await search();
        if (found) damaged_bytes_ += block_.address.offset - expected;
    }
    if (!found) {
        offset_ = size_bytes_;
        co_return std::nullopt;
    }
    const std::uint64_t end = std::uint64_t{block_.address.offset} + block_.address.stored_bytes();
    offset_ = std::min(end, size_bytes_);
    co_return block_;
}

boost::asio::awaitable<bool> SegmentScan::search() {
    const Segment& segment = window_.segment();
    Bytes buffer(window_bytes);
    std::uint64_t at = offset_ + 1;
    while (at + block_header_bytes <= size_bytes_) {
        const auto wanted = static_cast<std::size_t>(std::min(window_bytes, size_bytes_ - at));
        const MutableByteSpan out = MutableByteSpan(buffer).first(wanted);
        const std::size_t size = co_await read_object(store_, segment.id, segment.object, at, out);
        if (size < block_header_bytes) break;  // the object has become shorter
        const std::uint64_t places = size - block_header_bytes + 1;
        for (std::uint64_t i = 0; i < places; ++i) {
            const ByteSpan stored = ByteSpan(buffer).subspan(i, block_header_bytes);
            if (!is_zero_tag(stored) && open(at + i, stored)) co_return true;
        }
        at += places;
    }
    co_return false;
}

bool SegmentScan::open(std::uint64_t offset, ByteSpan stored) {
    const auto place = static_cast<std::uint32_t>(offset);
    std::optional<StoredHeader> header;
    try {
        header = open_block_header(window_.segment(), place, stored);
    } catch (const Error&) {
        ++unknown_blocks_;  // authentic, and of a newer version
    }
    return accept(place, header);
}

bool SegmentScan::open_in_window(std::uint64_t offset) {
    const auto place = static_cast<std::uint32_t>(offset);
    std::optional<StoredHeader> header;
    try {
        header = window_.header_at(place);
    } catch (const Error&) {
        ++unknown_blocks_;
    }
    return accept(place, header);
}

bool SegmentScan::accept(std::uint32_t offset, const std::optional<StoredHeader>& header) {
    if (!header) return false;
    block_.address.segment = window_.segment().id;
    block_.address.offset = offset;
    block_.address.payload_bytes = header->payload_bytes;
    block_.header = header->header;
    return true;
}

boost::asio::awaitable<SharedBytes> SegmentScan::payload() {
    co_await need(block_.address.offset, block_.address.stored_bytes());
    StoredHeader header;
    header.header = block_.header;
    header.payload_bytes = block_.address.payload_bytes;
    const FoundBlock block = window_.block_at(block_.address.offset, header);
    co_return block.payload;
}

}  // namespace demofs::block
