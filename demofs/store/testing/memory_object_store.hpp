// An object store in memory, for tests and benchmarks: the contract exactly, on a MemoryDisk that outlives
// it.
//
// Threads: as ObjectStore, and all stores on copies of one disk belong to one thread.
#pragma once

#include <asyncdrop/box.hpp>
#include <cstdint>
#include <limits>
#include <memory>

#include "demofs/store/object_store.hpp"
#include "demofs/store/testing/memory_disk.hpp"

namespace demofs::store {

struct MemoryStoreOptions {
    /// Every successful sync ends its object, as on a store that cannot append.
    bool sync_ends_object = false;
    /// Operations other than `try_read` let other coroutines run first, as a real store does.
    bool always_suspend = true;
    /// `try_read` finds nothing, as if no page were cached.
    bool reads_must_wait = false;
    /// Appends beyond this many bytes in all objects together fail with ENOSPC.
    std::uint64_t capacity_bytes = std::uint64_t{1} << 40;
};

class MemoryObjectStore final : public ObjectStore {
  public:
    MemoryObjectStore(asyncdrop::Passkey<MemoryObjectStore>, std::shared_ptr<MemoryDisk> disk,
                      const MemoryStoreOptions& options)
        : disk_(std::move(disk)), options_(options) {}

    /// A store on `disk`, which holds what earlier stores wrote.
    [[nodiscard]] static asyncdrop::AsyncDropBox<MemoryObjectStore> open(
        std::shared_ptr<MemoryDisk> disk, const MemoryStoreOptions& options = {});

    asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> create(std::string name) override;
    asio::awaitable<std::size_t> read(std::string name, std::uint64_t offset, MutableByteSpan out) override;
    std::optional<std::size_t> try_read(const std::string& name, std::uint64_t offset,
                                        MutableByteSpan out) noexcept override;
    asio::awaitable<std::vector<ObjectInfo>> list() override;
    asio::awaitable<void> remove(std::string name) override;
    asio::awaitable<StoreSpace> space() override;
    std::string name() const override { return "memory"; }
    asio::awaitable<void> async_drop_impl() override;

  private:
    static std::size_t copy_out(const MemoryDisk::Object& object, std::uint64_t offset,
                                MutableByteSpan out) noexcept;

    std::shared_ptr<MemoryDisk> disk_;
    MemoryStoreOptions options_;
};

}  // namespace demofs::store
