// Reads the log without knowing the tree: for recovery, the checker and salvage. Read-only.
//
// Threads: the core thread; decrypts inline (a mount verifies one commit).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/block/segment_catalog.hpp"
#include "demofs/block/segment_window.hpp"

namespace demofs::block {

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

/// Finds a segment's commit blocks, newest (last) first. Reads at least 1 MiB at a time. Must not outlive the
/// store.
class CommitScan {
  public:
    CommitScan(store::ObjectStore& store, SharedSegment segment, std::uint64_t size_bytes);

    /// The next older commit block of the segment; nothing when the segment's begin is reached.
    [[nodiscard]] boost::asio::awaitable<std::optional<FoundBlock>> next();

  private:
    store::ObjectStore& store_;
    SharedSegment segment_;
    std::uint64_t size_bytes_;
    std::uint64_t next_boundary_;  // boundaries at and above this one are done
    SegmentWindow window_;
    std::uint64_t window_begin_;  // nothing below it was loaded yet
};

class LogReader {
  public:
    using Visitor = std::function<void(const FoundBlock&)>;

    /// Both must outlive the reader; `catalog` has listed the store.
    LogReader(store::ObjectStore& store, SegmentCatalog& catalog) : store_(store), catalog_(catalog) {}

    [[nodiscard]] SegmentCatalog& catalog() const { return catalog_; }

    /// The segment's seal, if it ends with a valid one: everything in it was durable then. Nothing also for a
    /// segment that is missing or whose header does not open.
    [[nodiscard]] boost::asio::awaitable<std::optional<SealRecord>> seal_of(SegmentId id);

    /// Starts a scan for commit blocks; errors as for SegmentCatalog::find.
    [[nodiscard]] boost::asio::awaitable<CommitScan> scan_commits(SegmentId id);

    /// Authenticates every block of `ranges`, in order, and hashes their tags as WritePipeline::digest does.
    /// A caller compares tags_hash; only then is nothing missing. `visit` is called for each block.
    [[nodiscard]] boost::asio::awaitable<Verification> verify(std::vector<LogRange> ranges);
    [[nodiscard]] boost::asio::awaitable<Verification> verify(std::vector<LogRange> ranges, Visitor visit);

    /// The payload of one block whose address is known; errors as for BlockStore::read.
    [[nodiscard]] boost::asio::awaitable<SharedBytes> read(BlockAddress address, BlockKind kind);

  private:
    store::ObjectStore& store_;
    SegmentCatalog& catalog_;
};

}  // namespace demofs::block
