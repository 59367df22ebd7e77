// A decorator that counts what reaches the store below it. The counters are shared with whoever made it.
#pragma once

#include <asyncdrop/box.hpp>
#include <cstdint>
#include <memory>

#include "demofs/store/object_store.hpp"

namespace demofs::store {

/// Operations that succeeded; a synced append counts as an append and a sync. Reads that `try_read` could
/// answer count as reads.
struct StoreCounters {
    std::uint64_t creates = 0;
    std::uint64_t appends = 0;
    std::uint64_t appended_bytes = 0;
    std::uint64_t syncs = 0;  ///< of writers, also those that seal
    std::uint64_t seals = 0;
    std::uint64_t reads = 0;
    std::uint64_t read_bytes = 0;
    std::uint64_t lists = 0;
    std::uint64_t removes = 0;

    friend bool operator==(const StoreCounters&, const StoreCounters&) = default;
};

class CountingObjectStore final : public ObjectStore {
  public:
    CountingObjectStore(asyncdrop::Passkey<CountingObjectStore>, asyncdrop::AsyncDropBox<ObjectStore> below,
                        std::shared_ptr<StoreCounters> counters)
        : below_(std::move(below)), counters_(std::move(counters)) {}

    /// Takes over `below` and drops it when dropped itself. `counters` belong to the store's strand.
    [[nodiscard]] static asyncdrop::AsyncDropBox<CountingObjectStore> make(
        asyncdrop::AsyncDropBox<ObjectStore> below, std::shared_ptr<StoreCounters> counters);

    asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> create(std::string name) override;
    asio::awaitable<std::size_t> read(std::string name, std::uint64_t offset, MutableByteSpan out) override;
    std::optional<std::size_t> try_read(const std::string& name, std::uint64_t offset,
                                        MutableByteSpan out) noexcept override;
    asio::awaitable<std::vector<ObjectInfo>> list() override;
    asio::awaitable<void> remove(std::string name) override;
    asio::awaitable<StoreSpace> space() override { return below_->space(); }
    std::string name() const override { return below_->name(); }
    asio::awaitable<void> async_drop_impl() override { return below_.async_drop(); }

  private:
    asyncdrop::AsyncDropBox<ObjectStore> below_;
    std::shared_ptr<StoreCounters> counters_;
};

}  // namespace demofs::store
