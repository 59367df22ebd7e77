// Reads stored blocks: finds the segment's key, reads, authenticates, decrypts.
//
// Threads: the core thread. Up to inline_crypto_bytes are decrypted there, more on the pool; how input is
// done without blocking is the store's business. Store, pool and catalog must outlive it; its owner awaits
// `idle` before it destroys it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <vector>

#include "demofs/base/wait_queue.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/block/segment_catalog.hpp"
#include "demofs/block/settings.hpp"

namespace demofs::block {

class BlockReader {
  public:
    BlockReader(store::ObjectStore& store, WorkerPool& pool, SegmentCatalog& catalog, BlockSettings settings)
        : store_(store), pool_(pool), catalog_(catalog), settings_(settings) {}
    BlockReader(const BlockReader&) = delete;
    BlockReader& operator=(const BlockReader&) = delete;

    /// As BlockStore::read.
    [[nodiscard]] boost::asio::awaitable<SharedBytes> read(BlockAddress address, BlockKind kind);

    /// As BlockStore::read_many: contiguous blocks are read together, separate runs concurrently.
    [[nodiscard]] boost::asio::awaitable<std::vector<SharedBytes>> read_many(
        std::vector<BlockAddress> addresses, BlockKind kind);

    /// As BlockStore::read_part.
    [[nodiscard]] boost::asio::awaitable<SharedBytes> read_part(BlockPart part);

    /// Awaits the end of all reads that are under way.
    [[nodiscard]] boost::asio::awaitable<void> idle();

  private:
    struct Run;     // blocks that one store operation reads
    struct Gather;  // runs that are read concurrently for one caller
    class Busy;

    std::vector<Run> split(const std::vector<BlockAddress>& addresses) const;
    boost::asio::awaitable<void> read_run(Run& run, BlockKind kind);
    boost::asio::awaitable<void> read_for(std::shared_ptr<Gather> gather, std::size_t index);

    store::ObjectStore& store_;
    WorkerPool& pool_;
    SegmentCatalog& catalog_;
    BlockSettings settings_;
    std::size_t running_ = 0;
    WaitQueue ended_;
};

}  // namespace demofs::block
