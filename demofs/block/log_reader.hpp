// Reads the log without knowing the tree: for recovery, the checker and salvage. Read-only.
//
// How blocks are found without addresses: a block's header tells its length, so the next one lies right
// behind it; if nothing opens there, random filler lies up to the next 4 KiB boundary and the block starts on
// it. Whether one was left out between is told by the hash over the tags, not by the walk.
//
// Threads: the core thread; decrypts inline (a mount verifies one commit). Store and keys must outlive it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/block/block_codec.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/block/segment_catalog.hpp"

namespace demofs::block {

/// A block that was found in the log.
struct FoundBlock {
    BlockAddress address;
    BlockHeader header;
    SharedBytes payload;  ///< null if the header is authentic and the payload is not: torn or damaged
};

/// What verifying a piece of the log showed.
enum class LogState : std::uint8_t {
    intact,
    missing_segment,  ///< no object of this name: not synchronised yet, or deleted
    too_short,        ///< the object ends before the range does: a crash's tail, or cut
    not_authentic,    ///< bytes are there and are not what was written
};

struct Verification {
    LogState state = LogState::intact;
    SegmentId segment;                      ///< where the first bad place is, unless intact
    std::uint32_t offset = 0;               ///< of that place
    std::array<std::byte, 32> tags_hash{};  ///< if intact: to be compared with LogDigest::tags_hash
    std::uint64_t blocks = 0;               ///< that were authenticated

    [[nodiscard]] bool intact() const { return state == LogState::intact; }
};

/// Finds a segment's commit blocks, newest (last) first. Reads at least 1 MiB at a time. Must not outlive its
/// reader.
class CommitScan {
  public:
    /// The next older commit block of the segment; nothing when the segment's begin is reached.
    [[nodiscard]] boost::asio::awaitable<std::optional<FoundBlock>> next();

  private:
    friend class LogReader;
    CommitScan(store::ObjectStore& store, SharedSegment segment, std::uint64_t size_bytes);
    boost::asio::awaitable<FoundBlock> found(std::uint32_t offset, StoredHeader header);

    store::ObjectStore& store_;
    SharedSegment segment_;
    std::uint64_t size_bytes_;
    std::uint64_t next_boundary_;  // boundaries at and above this one are done
    ByteBuffer window_;            // holds [window_begin_, window_begin_ + window_.size()) of the object
    std::uint64_t window_begin_;
};

class LogReader {
  public:
    using Visitor = std::function<void(const BlockAddress&, const BlockHeader&, ByteSpan payload)>;

    LogReader(store::ObjectStore& store, const crypto::VaultKeys& keys)
        : store_(store), catalog_(store, keys) {}

    /// Lists the store; call it first, and again to see what changed.
    boost::asio::awaitable<void> refresh();

    /// All segments by name, newest first, as of the last refresh.
    [[nodiscard]] const SegmentList& list() const { return list_; }
    [[nodiscard]] const std::vector<ListedSegment>& segments() const { return list_.segments; }
    [[nodiscard]] bool contains(const SegmentId& id) const;

    /// The segment's header. Throws Error: Errc::vault_incomplete (no such object), Errc::corrupt (not
    /// authentic or cut: for the newest segment what a crash leaves), or the store's error.
    [[nodiscard]] boost::asio::awaitable<SharedSegment> open(SegmentId id);

    /// Whether the segment ends with a valid seal, so that everything in it was durable. False also for a
    /// segment that is missing or whose header does not open.
    [[nodiscard]] boost::asio::awaitable<bool> is_sealed(SegmentId id);

    /// The seal, if there is a valid one.
    [[nodiscard]] boost::asio::awaitable<std::optional<SealRecord>> seal_of(SegmentId id);

    /// Starts a scan for commit blocks; errors as for open().
    [[nodiscard]] boost::asio::awaitable<CommitScan> scan_commits(SegmentId id);

    /// Authenticates every block of `ranges`, in order, and hashes their tags as EncryptedBlockStore::digest
    /// does. A caller compares tags_hash; only then is nothing missing. `visit` is called for each block.
    [[nodiscard]] boost::asio::awaitable<Verification> verify(std::vector<LogRange> ranges);
    [[nodiscard]] boost::asio::awaitable<Verification> verify(std::vector<LogRange> ranges, Visitor visit);

    /// The payload of one block whose address is known; errors as for BlockStore::read.
    [[nodiscard]] boost::asio::awaitable<SharedBytes> read(BlockAddress address, BlockKind kind);

  private:
    boost::asio::awaitable<std::uint64_t> size_of(SegmentId id);

    store::ObjectStore& store_;
    SegmentCatalog catalog_;
    SegmentList list_;
};

}  // namespace demofs::block
