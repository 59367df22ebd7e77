// Where blocks are put, when a segment ends, and what must be durable before what. A segment is durable and
// sealed before the first byte of the next one is written, so a hole is only ever at the end of the log. A
// seal is written after a sync of everything before it, because that is what it promises. After a failure
// nothing is written any more: what the disk has then is not known.
#include "demofs/block/segment_log.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"

namespace demofs::block {

asyncdrop::AsyncDropBox<SegmentLog> SegmentLog::make(store::ObjectStore& store, const crypto::VaultKeys& keys,
                                                     SegmentCatalog& catalog, BlockSettings settings,
                                                     Origin origin, std::uint64_t first_sequence) {
    return asyncdrop::make_box<SegmentLog>(store, keys, catalog, settings, origin, first_sequence);
}

SegmentLog::SegmentLog(asyncdrop::Passkey<SegmentLog>, store::ObjectStore& store,
                       const crypto::VaultKeys& keys, SegmentCatalog& catalog, BlockSettings settings,
                       Origin origin, std::uint64_t first_sequence)
    : store_(store),
      keys_(keys),
      catalog_(catalog),
      settings_(settings),
      origin_(origin),
      next_sequence_(first_sequence) {
    if (settings.segment_bytes < 16 * boundary_bytes || settings.segment_bytes > (1u << 30))
        throw std::invalid_argument("A segment must have between 64 KiB and 1 GiB.");
}

void SegmentLog::begin_segment() {
    if (next_sequence_ >= sequence_limit)
        throw Error(Errc::writes_failed, "The vault has no segment numbers left.");
    auto segment = std::make_shared<const Segment>(new_segment(keys_, next_sequence_, origin_));
    ++next_sequence_;
    open_.emplace_back();
    open_.back().segment = segment;
    catalog_.add(std::move(segment));
    sync_begun_ = false;
}

Slot SegmentLog::reserve(std::uint32_t payload_bytes, Placement placement) {
    throw_if_broken();
    // While the first sync of a store runs, nobody knows whether the segment can go on after it: a new one is
    // always right.
    if (open_.empty() || open_.back().closed || (sync_effect_ == SyncEffect::unknown && sync_begun_))
        begin_segment();

    const std::uint32_t stored_bytes = stored_block_bytes(payload_bytes);
    const auto offset_in = [&](const OpenSegment& open) {
        return placement == Placement::aligned ? align_up(open.reserved_end) : open.reserved_end;
    };
    const auto fits = [&](const OpenSegment& open) {  // with room for its end behind it
        return align_up(offset_in(open) + stored_bytes) + segment_end_bytes <= settings_.segment_bytes;
    };
    // A block that is too large for any segment gets one of its own.
    if (!fits(open_.back()) && open_.back().reserved_end > segment_header_bytes) begin_segment();

    OpenSegment& open = open_.back();
    invariant(offset_in(open) >= open.reserved_end, "A block is put behind everything before it.");
    Slot slot;
    slot.segment = open.segment;
    slot.gap_begin = open.reserved_end;
    slot.offset = offset_in(open);
    slot.nonces.header = open.ledger.take_header(slot.offset);
    slot.nonces.payload = open.ledger.take_payload(slot.offset, piece_count(payload_bytes));
    open.reserved_end = slot.offset + stored_bytes;
    return slot;
}

void SegmentLog::end_page() {
    if (open_.empty()) return;
    if (sync_effect_ == SyncEffect::unknown) sync_begun_ = true;
    if (sync_effect_ == SyncEffect::ends_object) {
        open_.back().closed = true;  // no page of it is written after the sync anyway
    } else {
        end_page(open_.back());
    }
}

void SegmentLog::end_page(OpenSegment& open) {
    const std::uint32_t boundary = align_up(open.reserved_end);
    if (boundary == open.reserved_end) return;
    open.page_ends.push_back(open.reserved_end);
    open.reserved_end = boundary;
}

// A sync that covers everything that was reserved promises as much as one that was announced by end_page().
void SegmentLog::end_page_if_last() {
    if (open_.size() == 1 && open_.front().blocks_end == open_.front().reserved_end) end_page();
}

// Any way out of an operation but success breaks the log.
class SegmentLog::Attempt {
  public:
    explicit Attempt(SegmentLog& log) : log_(log) { log.throw_if_broken(); }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    ~Attempt() {
        if (!succeeded_) log_.broken_ = true;
    }
    void succeeded() { succeeded_ = true; }

  private:
    SegmentLog& log_;
    bool succeeded_ = false;
};

boost::asio::awaitable<void> SegmentLog::write(Batch& batch, store::Durability durability) {
    Attempt attempt(*this);
    co_await write_batch(batch, durability);
    attempt.succeeded();
}

boost::asio::awaitable<void> SegmentLog::sync() {
    Attempt attempt(*this);
    if (writer_) {
        end_page_if_last();
        const bool synced = co_await fill_page(store::Durability::synced);
        if (!synced) {
            co_await writer_->sync();
            learn_from_sync();
        }
    }
    attempt.succeeded();
}

boost::asio::awaitable<void> SegmentLog::write_batch(Batch& batch, store::Durability durability) {
    if (writer_ && open_.front().segment != batch.segment()) {
        co_await finish_segment();
        open_.pop_front();
    }
    if (!writer_) co_await create_object(batch.segment());
    // The page of a sync that was asked for when what it covers had been written already.
    co_await fill_page(store::Durability::buffered);
    OpenSegment& open = open_.front();
    // Written elsewhere, its blocks would be sealed for other offsets and lost.
    invariant(open.segment == batch.segment() && writer_->size() == batch.begin(),
              "A batch is written at the place it was encrypted for.");
    open.blocks_end = batch.end();
    open.blocks_written += batch.tags().size();
    for (const BlockTags& tags : batch.tags()) open.tags.add(tags);
    if (durability == store::Durability::synced) end_page_if_last();
    if (!open.page_ends.empty() && open.page_ends.front() == batch.end()) {
        batch.fill_up_to(align_up(batch.end()));
        open.page_ends.pop_front();
    }
    co_await append(batch.bytes(), durability);
}

// Writes the filler that is due where the written bytes end; false: none is.
boost::asio::awaitable<bool> SegmentLog::fill_page(store::Durability durability) {
    OpenSegment& open = open_.front();
    if (open.page_ends.empty() || open.page_ends.front() != writer_->size()) co_return false;
    ByteBuffer filler(align_up(open.page_ends.front()) - open.page_ends.front());
    open.page_ends.pop_front();
    Filler random;
    random.fill(filler.span());
    const ByteSpan bytes = filler.span();
    co_await append(bytes, durability);
    co_return true;
}

boost::asio::awaitable<void> SegmentLog::create_object(SharedSegment segment) {
    std::string name = segment->object;
    writer_ = co_await store_.create(std::move(name));
    const auto header = seal_segment_header(keys_, *segment);
    const ByteSpan bytes(header);
    co_await append(bytes, store::Durability::buffered);
}

boost::asio::awaitable<void> SegmentLog::append(ByteSpan bytes, store::Durability durability) {
    co_await writer_->append(bytes, durability);
    if (durability == store::Durability::synced) learn_from_sync();
}

// Everything of the segment that was reserved has been written. Three steps that must not be one: the blocks
// become durable, with their last page filled; the seal that says so is appended; the seal becomes durable.
boost::asio::awaitable<void> SegmentLog::finish_segment() {
    OpenSegment& open = open_.front();
    if (sync_effect_ != SyncEffect::ends_object) end_page(open);
    const bool synced = co_await fill_page(store::Durability::synced);
    if (!synced) {
        co_await writer_->sync();
        learn_from_sync();
    }
    if (!writer_->ended()) {
        const auto offset = static_cast<std::uint32_t>(writer_->size());
        invariant(offset % boundary_bytes == 0, "A seal starts on a boundary.");
        SealRecord record;
        record.blocks_end = open.blocks_end;
        record.final_bytes = offset + segment_end_bytes;
        record.blocks = open.blocks_written;
        record.tags_hash = open.tags.take();
        BlockNonces nonces;
        nonces.header = open.ledger.take_header(offset);
        nonces.payload = open.ledger.take_payload(offset, 1);

        std::array<std::byte, segment_end_bytes> stored;
        BlockHeader header;
        header.kind = BlockKind::seal;
        const Bytes payload = encode(record);
        seal_block(*open.segment, offset, nonces, header, payload,
                   MutableByteSpan(stored).first(stored_seal_bytes));
        // Far from the first one: what damages that leaves this one, and with it everything else readable.
        std::ranges::copy(seal_segment_header(keys_, *open.segment), stored.begin() + stored_seal_bytes);
        const ByteSpan written(stored);
        co_await writer_->append(written, store::Durability::buffered);
        co_await writer_->seal();
    }
    co_await writer_.async_drop();
}

// Whether everything that was reserved in the segment being written is written, but for filler.
bool SegmentLog::all_written() const {
    const OpenSegment& open = open_.front();
    const bool only_filler_is_due = !open.page_ends.empty() && open.page_ends.front() == writer_->size();
    return open.reserved_end == (only_filler_is_due ? align_up(writer_->size()) : writer_->size());
}

// A store that can append after a sync keeps the object open; one that cannot has ended it. The first sync
// tells which kind this is.
void SegmentLog::learn_from_sync() {
    sync_begun_ = false;
    if (!writer_->ended()) {
        if (sync_effect_ == SyncEffect::unknown) sync_effect_ = SyncEffect::keeps_object;
        return;
    }
    sync_effect_ = SyncEffect::ends_object;
    OpenSegment& open = open_.front();
    open.closed = true;
    // Only a store that at first kept objects open after a sync, and then ends one, can get here.
    if (!all_written())
        throw Error(Errc::writes_failed,
                    "The store ended " + describe(*open.segment) + " before it was complete.");
}

void SegmentLog::throw_if_broken() const {
    if (broken_) throw Error(Errc::writes_failed, "The log has failed and takes no more writes.");
}

boost::asio::awaitable<void> SegmentLog::async_drop_impl() {
    if (!writer_) co_return;
    // What was reserved and never written (after a failure above) is a hole that no seal may vouch for.
    const bool complete = !broken_ && open_.size() == 1 && all_written();
    if (!complete) {
        co_await writer_.async_drop();
        co_return;
    }
    std::exception_ptr error;
    try {
        co_await finish_segment();
    } catch (...) {
        error = std::current_exception();
    }
    if (!error) co_return;
    if (writer_) co_await writer_.async_drop();
    std::rethrow_exception(error);
}

}  // namespace demofs::block
