// The interface of the block layer: append-only, write-once blocks under a log of segments.
//
// Stack, top to bottom: CachedBlockStore -> WritePipeline -> SegmentLog -> store::ObjectStore; each is
// an AsyncDrop type and owns nothing below it (the teardown order is the mount's business).
//
// Threads: every function is called on one executor thread (the core); encryption of larger pieces runs on
// the worker pool inside, input and output is the store's. Appending never suspends: an address is assigned
// at once and the block is readable at once, while encryption and the write follow in the background, in log
// order.
//
// Failure: after the first failed write or sync the store refuses every append and sync with that same error
// (Errc::writes_failed, naming the cause); blocks that were appended but not synced stay readable from
// memory.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/base/error.hpp"
#include "demofs/block/address.hpp"

namespace demofs::block {

/// Where the next block starts.
enum class Placement : std::uint8_t {
    packed,   ///< right behind the block before it (on a 4 KiB boundary if a sync came between)
    aligned,  ///< on a 4 KiB boundary: commit records
};

/// A piece of the log, [begin, end) in one segment, made of whole blocks and random filler up to 4 KiB
/// boundaries.
struct LogRange {
    SegmentId segment;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;

    friend bool operator==(const LogRange&, const LogRange&) = default;
};

/// All that was appended since the last digest: the ranges, and BLAKE2b-256 over the tags of their blocks in
/// order.
struct LogDigest {
    std::vector<LogRange> ranges;
    std::array<std::byte, 32> tags_hash{};
};

class BlockStore {
  public:
    virtual ~BlockStore() = default;

    /// Appends one block and returns its address. Never suspends, and cannot tell whether there is room (that
    /// is checked before; a full store fails the write later); throws Error(Errc::writes_failed) once the
    /// store has failed. Blocks appended one after the other are contiguous unless a segment ended, a sync
    /// was begun or another append came between: callers compare `end()` with the next `offset`. Durability:
    /// none before sync() returns.
    virtual BlockAddress append(const BlockHeader& header, SharedBytes payload, Placement placement) = 0;

    /// The payload if it is in memory (cached or not yet written), else an empty SharedBytes. Never suspends.
    virtual SharedBytes try_read(const BlockAddress& address) = 0;

    /// The payload. Throws Error(Errc::corrupt) naming segment and offset if it does not authenticate or is
    /// not a block of `kind`, or the store's error. Cancellation: awaits a running read, then throws.
    virtual boost::asio::awaitable<SharedBytes> read(BlockAddress address, BlockKind kind) = 0;

    /// As read(), for several blocks at once (data blocks of one request): contiguous ones are read with one
    /// store operation and decrypted in one worker job. Results in the order asked. One that fails fails all.
    virtual boost::asio::awaitable<std::vector<SharedBytes>> read_many(std::vector<BlockAddress> addresses,
                                                                       BlockKind kind) = 0;

    /// A part of the payload, for little that is read here and there: the store may read only what holds it.
    /// What is proved is then less: docs/security.md, "Parts of blocks". Errors and cancellation as for read().
    virtual boost::asio::awaitable<SharedBytes> read_part(BlockPart part, BlockKind kind) = 0;

    /// Awaits the encryption of all that was appended so far and returns the digest since the last call. No
    /// block that was appended before the call is missing. The caller appends the commit record next, without
    /// suspending in between.
    virtual boost::asio::awaitable<LogDigest> digest() = 0;

    /// Durability: all that was appended before the call survives a crash on return. The next append starts
    /// on a fresh 4 KiB boundary from the moment of the *call*. Concurrent calls are allowed and share work.
    virtual boost::asio::awaitable<void> sync() = 0;

    /// Bytes appended and not yet covered by a finished sync; held in memory.
    virtual std::size_t unsynced_bytes() const = 0;

    /// Awaits until unsynced and unwritten bytes are below the store's limit (writers call it after
    /// appending; it returns at once below the limit or once the store has failed).
    virtual boost::asio::awaitable<void> throttle() = 0;

    /// The error that made the store refuse writes, as a sentence; empty while it is well.
    virtual const std::string& failure() const = 0;
    // Its kind: writes_failed or disk_full.
    virtual Errc failure_code() const = 0;
};

}  // namespace demofs::block
