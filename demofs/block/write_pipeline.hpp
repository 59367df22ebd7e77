// The block store that encrypts, and reads what is stored (block_reader.hpp): appended blocks wait in memory,
// are encrypted and written in the background in log order, and stay in memory until a sync covers them.
//
//   append -> plain_ --encrypt--> ready_ --write--> segment --sync--> forgotten here
//
// Background coroutines, each living only while it has work: each worker encrypts up to about 1 MiB of plain_ at a
// time (what is not worth the hop is encrypted here), one writer appends finished batches. Less than
// `write_start_bytes` waits for a sync, so that a small commit is encrypted inline, then written and synced
// with one store operation.
//
// Threads: the core thread (the executor given to make). Invariants: plain_, encrypting_, ready_ and the segment
// hold consecutive pieces of the log; positions count appended blocks, and synced <= written <= encrypted <=
// appended.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <exception>
#include <string>
#include <unordered_map>
#include <vector>

#include "demofs/base/error.hpp"
#include "demofs/base/wait_queue.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/block/batch.hpp"
#include "demofs/block/block_reader.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/block/segment_log.hpp"
#include "demofs/block/settings.hpp"
#include "demofs/block/tag_hash.hpp"

namespace demofs::block {

class WritePipeline final : public BlockStore {
  public:
    /// `log`, `pool`, `store` and `catalog` must outlive its async_drop.
    [[nodiscard]] static asyncdrop::AsyncDropBox<WritePipeline> make(boost::asio::any_io_executor executor,
                                                                     store::ObjectStore& store,
                                                                     WorkerPool& pool,
                                                                     SegmentCatalog& catalog, SegmentLog& log,
                                                                     BlockSettings settings);

    WritePipeline(asyncdrop::Passkey<WritePipeline>, boost::asio::any_io_executor executor,
                  store::ObjectStore& store, WorkerPool& pool, SegmentCatalog& catalog, SegmentLog& log,
                  BlockSettings settings);
    WritePipeline(const WritePipeline&) = delete;
    WritePipeline& operator=(const WritePipeline&) = delete;
    ~WritePipeline() override;

    BlockAddress append(const BlockHeader& header, SharedBytes payload, Placement placement) override;
    SharedBytes try_read(const BlockAddress& address) override;
    boost::asio::awaitable<SharedBytes> read(BlockAddress address, BlockKind kind) override;
    boost::asio::awaitable<std::vector<SharedBytes>> read_many(std::vector<BlockAddress> addresses,
                                                               BlockKind kind) override;
    boost::asio::awaitable<SharedBytes> read_part(BlockPart part, BlockKind kind) override;
    boost::asio::awaitable<LogDigest> digest() override;
    boost::asio::awaitable<void> sync() override;
    std::size_t unsynced_bytes() const override { return unsynced_bytes_; }
    boost::asio::awaitable<void> throttle() override;
    const std::string& failure() const override { return failure_; }
    Errc failure_code() const override { return failure_code_; }

    /// Syncs what was appended, awaits every read, then forgets the blocks. Throws Error(Errc::writes_failed)
    /// if the store has failed with blocks that no sync covered.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct Unsynced {
        BlockKind kind;
        SharedBytes payload;
    };
    struct Ready {
        Batch batch;
        std::uint64_t last;  // position of its last block
    };

    // On a worker; it leaves when all before it have left.
    struct Encrypting {
        explicit Encrypting(std::vector<PlainBlock> run)
            : blocks(std::move(run)), batch(blocks.front(), size_bytes()) {}
        std::size_t size_bytes() const { return blocks.back().end() - blocks.front().begin(); }

        std::vector<PlainBlock> blocks;
        Batch batch;
        bool done = false;
    };

    // Encrypting.
    void start_encrypting() noexcept;
    bool should_encrypt() const;
    std::vector<PlainBlock> take_plain(std::size_t limit_bytes);
    void encrypt_inline();
    void encrypt_on_worker();
    boost::asio::awaitable<void> encrypt(Encrypting& work);
    void collect_encrypted();
    void encrypted(const std::vector<PlainBlock>& blocks, const Batch& batch, std::size_t first_tag);

    // Writing.
    void start_writing() noexcept;
    bool should_write() const;
    bool sync_wanted() const { return !sync_points_.empty(); }
    boost::asio::awaitable<void> write_loop();
    boost::asio::awaitable<void> write_one();
    void request_sync();
    void covered(std::uint64_t position);

    void encrypt_up_to(std::uint64_t position) noexcept;
    void fail(std::exception_ptr error) noexcept;
    void throw_if_failed() const;
    SharedBytes unsynced(const BlockAddress& address, BlockKind kind) const;

    boost::asio::any_io_executor executor_;
    WorkerPool& pool_;
    SegmentLog& log_;
    BlockSettings settings_;
    BlockReader reader_;

    std::deque<PlainBlock> plain_;
    std::size_t plain_bytes_ = 0;
    std::deque<Encrypting> encrypting_;  // at most one for each worker
    std::size_t encrypting_bytes_ = 0;
    std::deque<Ready> ready_;
    std::size_t ready_bytes_ = 0;
    std::deque<BlockAddress> unsynced_order_;
    std::unordered_map<BlockAddress, Unsynced> unsynced_;
    std::size_t unsynced_bytes_ = 0;

    std::uint64_t appended_ = 0;
    std::uint64_t encrypted_ = 0;
    std::uint64_t written_ = 0;
    std::uint64_t synced_ = 0;
    std::uint64_t encrypt_to_ = 0;           // encrypt at least up to here, however little it is
    std::deque<std::uint64_t> sync_points_;  // positions that are to be made durable, growing
    SegmentId written_segment_;

    std::vector<LogRange> digest_ranges_;
    TagHash digest_tags_;

    bool writing_ = false;  // the writer runs
    bool closing_ = false;
    std::exception_ptr error_;
    Errc failure_code_ = Errc::writes_failed;
    std::string failure_;
    WaitQueue progress_;  // woken when a position moved, a loop ended, or the store failed
};

}  // namespace demofs::block
