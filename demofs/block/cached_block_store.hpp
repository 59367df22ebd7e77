// Keeps decrypted payloads in memory: least recently used out first, limited by bytes.
//
// Only what is read enters. Blocks that no sync covers yet are kept by the store below in any case, so memory is
// bounded by the limit plus what is unsynced. Once they are durable they are forgotten: whoever wrote them has
// them in a cache of its own (the kernel's pages, the tree's nodes), and memory that is always another than the
// one just used costs more than it brings (docs/performance.md).
//
// Threads: the core thread. Concurrent first reads of one block are done once.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "demofs/base/wait_queue.hpp"
#include "demofs/block/block_store.hpp"

namespace demofs::block {

struct CacheStatistics {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::size_t cached_bytes = 0;  ///< at most the limit
};

class CachedBlockStore final : public BlockStore {
  public:
    /// `lower` must outlive its async_drop.
    [[nodiscard]] static asyncdrop::AsyncDropBox<CachedBlockStore> make(BlockStore& lower,
                                                                        std::size_t limit_bytes);

    CachedBlockStore(asyncdrop::Passkey<CachedBlockStore>, BlockStore& lower, std::size_t limit_bytes);
    CachedBlockStore(const CachedBlockStore&) = delete;
    CachedBlockStore& operator=(const CachedBlockStore&) = delete;
    ~CachedBlockStore() override;

    BlockAddress append(const BlockHeader& header, SharedBytes payload, Placement placement) override;
    SharedBytes try_read(const BlockAddress& address) override;
    boost::asio::awaitable<SharedBytes> read(BlockAddress address, BlockKind kind) override;
    boost::asio::awaitable<std::vector<SharedBytes>> read_many(std::vector<BlockAddress> addresses,
                                                               BlockKind kind) override;
    /// Reads a part alone if it is at most half of a block of which no other was read lately; else the whole
    /// block, which is then kept.
    boost::asio::awaitable<SharedBytes> read_part(BlockPart part, BlockKind kind) override;
    boost::asio::awaitable<LogDigest> digest() override;
    boost::asio::awaitable<void> sync() override;
    std::size_t unsynced_bytes() const override { return lower_.unsynced_bytes(); }
    boost::asio::awaitable<void> throttle() override;
    const std::string& failure() const override { return lower_.failure(); }
    Errc failure_code() const override { return lower_.failure_code(); }

    [[nodiscard]] CacheStatistics statistics() const;

    /// Awaits reads that are under way and forgets everything.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct Entry {
        BlockAddress address;
        BlockKind kind;
        SharedBytes payload;
    };
    struct Flight;  // a read of a block that others may wait for
    class Flights;  // those that one caller is responsible for

    SharedBytes cached(const BlockAddress& address, const BlockKind* kind);
    void insert(const BlockAddress& address, BlockKind kind, SharedBytes payload);
    bool is_read_alone(const BlockPart& part);

    BlockStore& lower_;
    std::size_t limit_bytes_;
    std::list<Entry> recent_;  // most recently used first
    std::unordered_map<BlockAddress, std::list<Entry>::iterator> index_;
    std::size_t cached_bytes_ = 0;
    std::unordered_map<BlockAddress, std::shared_ptr<Flight>> flights_;
    std::vector<BlockAddress> parted_;  // some of the blocks of which a part was read: a place for each hash
    std::size_t running_ = 0;
    WaitQueue ended_;
    std::uint64_t hits_ = 0;
    std::uint64_t misses_ = 0;
};

}  // namespace demofs::block
