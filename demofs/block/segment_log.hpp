// The log as a row of segments: gives out addresses, and writes what was encrypted for them, in the same
// order.
//
// Giving out (`reserve`) is synchronous and may run ahead of writing by any number of segments. Writing
// creates a segment's object when its first bytes arrive; before that the previous segment is made durable
// and sealed.
//
// Threads: the core thread. `write` and `sync` are called one at a time, in log order.
// Invariants:
//   * offsets of a segment only grow, each nonce is taken once (crypto::NonceLedger);
//   * a segment is written by the session that created it, and never after a failure or its end;
//   * no page of 4 KiB with bytes that an acknowledged sync covers is ever written again: it is filled up
//     before that sync.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>

#include "demofs/base/types.hpp"
#include "demofs/block/batch.hpp"
#include "demofs/block/segment_catalog.hpp"
#include "demofs/block/settings.hpp"
#include "demofs/block/tag_hash.hpp"
#include "demofs/crypto/nonce.hpp"
#include "demofs/store/object_store.hpp"

namespace demofs::block {

class SegmentLog {
  public:
    /// A log whose first segment will have number `first_sequence` (SegmentCatalog::next_sequence). Store,
    /// keys and catalog must outlive its async_drop. Nothing is created before the first write.
    [[nodiscard]] static asyncdrop::AsyncDropBox<SegmentLog> make(store::ObjectStore& store,
                                                                  const crypto::VaultKeys& keys,
                                                                  SegmentCatalog& catalog,
                                                                  BlockSettings settings, Origin origin,
                                                                  std::uint64_t first_sequence);

    SegmentLog(asyncdrop::Passkey<SegmentLog>, store::ObjectStore& store, const crypto::VaultKeys& keys,
               SegmentCatalog& catalog, BlockSettings settings, Origin origin, std::uint64_t first_sequence);
    SegmentLog(const SegmentLog&) = delete;
    SegmentLog& operator=(const SegmentLog&) = delete;

    /// The place of the next block. What is reserved must be written, in order, or the log be given up.
    [[nodiscard]] Slot reserve(std::uint32_t payload_bytes, Placement placement);

    /// What was reserved so far is to be made durable: filler up to the next boundary is written with it,
    /// before the sync, and the next block starts there.
    void end_page();

    /// Writes a batch, which must follow the one before it, and fills it up if a page ends with it. Synced:
    /// with everything before it, it survives a crash on return. A new segment in `batch` has the old one
    /// made durable and sealed first. After an error the log is broken: further calls throw
    /// Error(Errc::writes_failed).
    [[nodiscard]] boost::asio::awaitable<void> write(Batch& batch, store::Durability durability);

    /// Everything written survives a crash on return. Errors as for write.
    [[nodiscard]] boost::asio::awaitable<void> sync();

    /// Makes the last segment durable and seals it; only closes it if the log is broken.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct OpenSegment {
        SharedSegment segment;
        crypto::NonceLedger ledger;
        std::uint32_t reserved_end = segment_header_bytes;  // where the next block may start
        std::uint32_t blocks_end = segment_header_bytes;    // of what is written, without filler behind
        std::deque<std::uint32_t> page_ends;  // where blocks end and filler is still to be written
        std::uint64_t blocks_written = 0;
        TagHash tags;
        bool closed = false;  // nothing more is reserved in it
    };
    class Attempt;
    // What a sync does to an object of this store: known after the first one.
    enum class SyncEffect : std::uint8_t { unknown, keeps_object, ends_object };

    void begin_segment();
    void end_page(OpenSegment& open);
    void end_page_if_last();
    bool all_written() const;
    void learn_from_sync();
    boost::asio::awaitable<void> create_object(SharedSegment segment);
    boost::asio::awaitable<void> finish_segment();
    boost::asio::awaitable<bool> fill_page(store::Durability durability);
    boost::asio::awaitable<void> append(ByteSpan bytes, store::Durability durability);
    boost::asio::awaitable<void> write_batch(Batch& batch, store::Durability durability);
    void throw_if_broken() const;

    store::ObjectStore& store_;
    const crypto::VaultKeys& keys_;
    SegmentCatalog& catalog_;
    BlockSettings settings_;
    Origin origin_;
    std::uint64_t next_sequence_;

    std::deque<OpenSegment> open_;  // front: being written; back: where addresses are given out
    SyncEffect sync_effect_ = SyncEffect::unknown;
    bool sync_begun_ = false;  // with unknown effect: whether the segment can go on is not known
    asyncdrop::AsyncDropBox<store::ObjectWriter> writer_;  // of front's object, once created
    bool broken_ = false;
};

}  // namespace demofs::block
