#include "demofs/block/log_reader.hpp"

#include <algorithm>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/block/log_walk.hpp"
#include "demofs/block/tag_hash.hpp"

namespace demofs::block {
namespace {

bool missing_object(const std::exception_ptr& error) {
    return has_code(error, make_error_code(Errc::vault_incomplete)) ||
           has_code(error, std::make_error_code(std::errc::no_such_file_or_directory));
}

}  // namespace

boost::asio::awaitable<void> LogReader::refresh() {
    list_ = co_await catalog_.list();
}

bool LogReader::contains(const SegmentId& id) const {
    return std::ranges::any_of(list_.segments, [&](const ListedSegment& listed) { return listed.id == id; });
}

boost::asio::awaitable<SharedSegment> LogReader::open(SegmentId id) {
    return catalog_.find(id);
}

// As listed; a segment that was not there yet is looked for again.
boost::asio::awaitable<std::uint64_t> LogReader::size_of(SegmentId id) {
    if (!contains(id)) co_await refresh();
    for (const ListedSegment& listed : list_.segments)
        if (listed.id == id) co_return listed.size_bytes;
    throw Error(Errc::vault_incomplete, "The object of " + describe(id) + " is missing.");
}

boost::asio::awaitable<std::optional<SealRecord>> LogReader::seal_of(SegmentId id) {
    std::exception_ptr error;
    SharedSegment segment;
    std::uint64_t size = 0;
    try {
        size = co_await size_of(id);
        segment = co_await catalog_.find(id);
    } catch (const Error&) {
        error = std::current_exception();
    }
    if (missing_object(error) || has_code(error, make_error_code(Errc::corrupt))) co_return std::nullopt;
    if (error) std::rethrow_exception(error);

    const std::uint64_t offset = size - std::min<std::uint64_t>(size, seal_block_bytes);
    if (offset < segment_header_bytes || offset % boundary_bytes != 0 || size > UINT32_MAX)
        co_return std::nullopt;
    std::array<std::byte, seal_block_bytes> stored;
    const MutableByteSpan out(stored);
    std::string object = segment->object;
    const std::size_t read = co_await store_.read(std::move(object), offset, out);
    const auto place = static_cast<std::uint32_t>(offset);
    const auto header = open_block_header(*segment, place, ByteSpan(stored).first(read));
    if (!header || header->header.kind != BlockKind::seal || header->payload_bytes != seal_payload_bytes ||
        read != stored.size())
        co_return std::nullopt;
    std::array<std::byte, seal_payload_bytes> plain;
    if (!open_block_payload(*segment, place, ByteSpan(stored).subspan(block_header_bytes), plain))
        co_return std::nullopt;
    const SealRecord record = decode_seal_record(plain);
    if (record.final_bytes != size) co_return std::nullopt;
    co_return record;
}

boost::asio::awaitable<bool> LogReader::is_sealed(SegmentId id) {
    const std::optional<SealRecord> seal = co_await seal_of(id);
    co_return seal.has_value();
}

boost::asio::awaitable<CommitScan> LogReader::scan_commits(SegmentId id) {
    const std::uint64_t size = co_await size_of(id);
    SharedSegment segment = co_await catalog_.find(id);
    co_return CommitScan(store_, std::move(segment), size);
}

boost::asio::awaitable<Verification> LogReader::verify(std::vector<LogRange> ranges) {
    return verify(std::move(ranges), Visitor());
}

boost::asio::awaitable<Verification> LogReader::verify(std::vector<LogRange> ranges, Visitor visit) {
    Verification result;
    TagHash tags;
    for (const LogRange& range : ranges) {
        SharedSegment segment;
        std::exception_ptr error;
        try {
            segment = co_await catalog_.find(range.segment);
            LogWalk walk(store_, *segment, range);
            for (;;) {
                const std::optional<LogWalk::Block> block = co_await walk.next();
                if (!block) break;
                tags.add(block->tags);
                ++result.blocks;
                if (visit) visit(block->address, block->header, block->payload);
            }
            result.state = walk.state();
            result.offset = walk.offset();
        } catch (const Error&) {
            error = std::current_exception();
        }
        if (missing_object(error)) {
            result.state = LogState::missing_segment;
        } else if (has_code(error, make_error_code(Errc::corrupt))) {
            const std::uint64_t size = co_await size_of(range.segment);
            result.state = size < segment_header_bytes ? LogState::too_short : LogState::not_authentic;
        } else if (error) {
            std::rethrow_exception(error);
        }
        if (!result.intact()) {
            result.segment = range.segment;
            co_return result;
        }
    }
    result.offset = 0;
    result.tags_hash = tags.take();
    co_return result;
}

boost::asio::awaitable<SharedBytes> LogReader::read(BlockAddress address, BlockKind kind) {
    const SharedSegment segment = co_await catalog_.find(address.segment);
    ByteBuffer buffer(address.stored_bytes());
    const MutableByteSpan out = buffer.span();
    std::string object = segment->object;
    const std::size_t read = co_await store_.read(std::move(object), address.offset, out);
    co_return open_block(*segment, address, kind, ByteSpan(out).first(read));
}

}  // namespace demofs::block
