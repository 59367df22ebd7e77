// What can be said of a piece of the log: that it is sealed, that it is as it was written, or what is wrong
// with it. A missing or cut object is an answer here, and no error: the caller knows what it means.
#include "demofs/block/log_reader.hpp"

#include <algorithm>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/block/log_walk.hpp"
#include "demofs/block/tag_hash.hpp"

namespace demofs::block {
namespace {

bool missing_object(const std::exception_ptr& error) {
    return has_code(error, make_error_code(Errc::vault_incomplete));
}

}  // namespace

boost::asio::awaitable<std::optional<SealRecord>> LogReader::seal_of(SegmentId id) {
    std::exception_ptr error;
    SharedSegment segment;
    std::uint64_t size = 0;
    try {
        size = co_await catalog_.size_of(id);
        segment = co_await catalog_.find(id);
    } catch (const Error&) {
        error = std::current_exception();
    }
    if (missing_object(error) || has_code(error, make_error_code(Errc::corrupt))) co_return std::nullopt;
    if (error) std::rethrow_exception(error);

    const std::uint64_t offset = size - std::min<std::uint64_t>(size, segment_end_bytes);
    if (offset < segment_header_bytes || offset % boundary_bytes != 0 || size > UINT32_MAX)
        co_return std::nullopt;
    SegmentWindow window(store_, std::move(segment));
    co_await window.load(offset, stored_seal_bytes);
    const auto place = static_cast<std::uint32_t>(offset);
    const std::optional<StoredHeader> header = window.header_at(place);
    if (!header || header->header.kind != BlockKind::seal || header->payload_bytes != seal_payload_bytes)
        co_return std::nullopt;
    const FoundBlock seal = window.block_at(place, *header);
    if (!seal.payload) co_return std::nullopt;
    const SealRecord record = decode_seal_record(seal.payload);
    if (record.final_bytes != size) co_return std::nullopt;
    co_return record;
}

boost::asio::awaitable<CommitScan> LogReader::scan_commits(SegmentId id) {
    const std::uint64_t size = co_await catalog_.size_of(id);
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
            LogWalk walk(store_, segment, range);
            for (;;) {
                const std::optional<FoundBlock> block = co_await walk.next();
                if (!block) break;
                tags.add(block->tags);
                ++result.blocks;
                if (visit) visit(*block);
            }
            result.state = walk.state();
            result.offset = walk.offset();
        } catch (const Error&) {
            error = std::current_exception();
        }
        if (missing_object(error)) {
            result.state = LogState::missing_segment;
        } else if (has_code(error, make_error_code(Errc::corrupt))) {
            const std::uint64_t size = co_await catalog_.size_of(range.segment);
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
    SharedSegment segment = co_await catalog_.find(address.segment);
    SegmentWindow window(store_, std::move(segment));
    co_await window.load(address.offset, address.stored_bytes());
    co_return window.open(address, kind);
}

}  // namespace demofs::block
