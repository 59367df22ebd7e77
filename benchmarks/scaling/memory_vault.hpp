// A vault in memory with the whole filesystem above it, mounted and unmounted at will; for benchmarks.
//
// Threads: one. Errors of operations are thrown, since nothing here is allowed to fail.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "demofs/base/worker_pool.hpp"
#include "demofs/block/block_stack.hpp"
#include "demofs/block/segment_catalog.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/fs/filesystem.hpp"
#include "demofs/store/testing/counting_object_store.hpp"
#include "demofs/store/testing/memory_disk.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::fs::bench {

class MemoryVault {
  public:
    // Empty and mounted.
    MemoryVault();
    MemoryVault(const MemoryVault&) = delete;
    MemoryVault& operator=(const MemoryVault&) = delete;
    ~MemoryVault();

    void mount();
    void unmount();
    // So that nothing is known in memory.
    void remount() {
        unmount();
        mount();
    }

    template <class Operation>
    typename Operation::Reply run(const Operation& operation) {
        auto reply = fs_->try_run(operation);
        if (!reply) reply.emplace(await(fs_->run(operation)));
        return std::move(*reply).value();
    }
    InodeNumber make(InodeNumber parent, std::string name, std::uint32_t mode);
    void remove(InodeNumber parent, std::string name);
    void write(InodeNumber inode, std::uint64_t offset, ByteSpan data);
    void read(InodeNumber inode, std::uint64_t offset, std::size_t size);
    void commit();

    // What has reached the store so far.
    const store::StoreCounters& counters() const { return *counters_; }

  private:
    template <class T>
    T await(boost::asio::awaitable<T> coroutine) {
        std::optional<T> result;
        finish(store_result(std::move(coroutine), result));
        return std::move(*result);
    }
    template <class T>
    static boost::asio::awaitable<void> store_result(boost::asio::awaitable<T> coroutine,
                                                     std::optional<T>& result) {
        result.emplace(co_await std::move(coroutine));
    }
    // Runs until nothing is left to do.
    void finish(boost::asio::awaitable<void> coroutine);
    boost::asio::awaitable<void> open();
    boost::asio::awaitable<void> close();

    boost::asio::io_context context_{1};
    crypto::VaultKeys keys_;
    std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
    std::shared_ptr<store::StoreCounters> counters_ = std::make_shared<store::StoreCounters>();
    asyncdrop::AsyncDropBox<WorkerPool> pool_;
    asyncdrop::AsyncDropBox<store::ObjectStore> store_;
    std::unique_ptr<block::SegmentCatalog> catalog_;
    block::BlockStack stack_;
    asyncdrop::AsyncDropGuard<tree::Tree> tree_;
    asyncdrop::AsyncDropGuard<Filesystem> fs_;
};

}  // namespace demofs::fs::bench
