// Reading pieces of objects and opening the blocks in them. A short read is no error here: only who asked
// knows whether a crash may have left the object so.
#include "demofs/block/segment_window.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"

namespace demofs::block {
namespace {

// Up to this size, bytes that the system has in memory are copied on the spot: a wait costs more than that.
constexpr std::size_t inline_read_bytes = 128u << 10;

}  // namespace

boost::asio::awaitable<std::size_t> read_object(store::ObjectStore& store, SegmentId id, std::string object,
                                                std::uint64_t begin, MutableByteSpan out) {
    if (out.size() <= inline_read_bytes) {
        const std::optional<std::size_t> size = store.try_read(object, begin, out);
        if (size) co_return *size;
    }
    std::exception_ptr error;
    try {
        const std::size_t size = co_await store.read(object, begin, out);
        co_return size;
    } catch (...) {
        error = std::current_exception();
    }
    if (has_code(error, std::make_error_code(std::errc::no_such_file_or_directory)))
        throw Error(Errc::vault_incomplete,
                    "The object of " + describe(id) + " (" + object + ") is missing.");
    std::rethrow_exception(error);
}

SegmentWindow::SegmentWindow(store::ObjectStore& store, SharedSegment segment)
    : store_(store), segment_(std::move(segment)) {}

boost::asio::awaitable<void> SegmentWindow::load(std::uint64_t begin, std::size_t size) {
    buffer_ = {};
    ByteBuffer fresh = ByteBuffer::congruent(size, begin);
    const MutableByteSpan out = fresh.span();
    const std::size_t read = co_await read_object(store_, segment_->id, segment_->object, begin, out);
    fresh.shrink(read);
    buffer_ = std::move(fresh);
    begin_ = begin;
}

bool SegmentWindow::holds(std::uint64_t offset, std::size_t size) const {
    return offset >= begin_ && offset + size <= begin_ + buffer_.size();
}

// What the window has of [offset, offset + size).
ByteSpan SegmentWindow::bytes(std::uint64_t offset, std::size_t size) const {
    invariant(offset >= begin_, "Blocks are looked for where the window begins, or behind.");
    const std::size_t at = std::min<std::uint64_t>(offset - begin_, buffer_.size());
    return buffer_.span().subspan(at, std::min(size, buffer_.size() - at));
}

std::optional<StoredHeader> SegmentWindow::header_at(std::uint32_t offset) const {
    return open_block_header(*segment_, offset, bytes(offset, block_header_bytes));
}

FoundBlock SegmentWindow::block_at(std::uint32_t offset, const StoredHeader& header) const {
    FoundBlock block;
    block.address.segment = segment_->id;
    block.address.offset = offset;
    block.address.payload_bytes = header.payload_bytes;
    block.header = header.header;
    const ByteSpan stored = bytes(offset, block.address.stored_bytes());
    if (stored.size() != block.address.stored_bytes()) return block;
    ByteBuffer plain(header.payload_bytes);
    if (!open_block_payload(*segment_, offset, stored.subspan(block_header_bytes), plain.span()))
        return block;
    block.payload = std::move(plain).freeze();
    block.tags = tags_of(stored);
    return block;
}

SharedBytes SegmentWindow::open(const BlockAddress& address, BlockKind kind) const {
    invariant(address.segment == segment_->id, "A block is opened with the key of its segment.");
    return open_block(*segment_, address, kind, bytes(address.offset, address.stored_bytes()));
}

SharedBytes SegmentWindow::open_part(const BlockPart& part) const {
    invariant(part.block.segment == segment_->id, "A block is opened with the key of its segment.");
    const StoredPieces pieces = pieces_of(part);
    const ByteSpan stored = bytes(pieces.begin, pieces.stored_bytes);
    return open_block_part(*segment_, part, stored);
}

}  // namespace demofs::block
