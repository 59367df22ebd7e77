// A decorator that delays, fails or hangs chosen operations: for tests of everything above, and for whoever
// wants to watch a bad day (`demofs mount --store-fault`). What it does is told by a FaultPlan that its maker
// shares with it.
//
// A synced append counts as two operations, an append and a sync. `try_read` finds nothing here, so that
// every read is an operation that can be struck.
#pragma once

#include <asyncdrop/box.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "demofs/store/fault_plan.hpp"
#include "demofs/store/object_store.hpp"

namespace demofs::store {

class FaultObjectStore final : public ObjectStore {
  public:
    FaultObjectStore(asyncdrop::Passkey<FaultObjectStore>, ObjectStore& below,
                     asyncdrop::AsyncDropBox<ObjectStore> owned, std::shared_ptr<FaultPlan> plan)
        : below_(below), owned_(std::move(owned)), plan_(std::move(plan)) {}

    /// Over `below`, which must outlive the drop.
    [[nodiscard]] static asyncdrop::AsyncDropBox<FaultObjectStore> make(ObjectStore& below,
                                                                        std::shared_ptr<FaultPlan> plan);

    /// Takes over `below` and drops it when dropped itself, also if that is to fail.
    [[nodiscard]] static asyncdrop::AsyncDropBox<FaultObjectStore> make(
        asyncdrop::AsyncDropBox<ObjectStore> below, std::shared_ptr<FaultPlan> plan);

    asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> create(std::string name) override;
    asio::awaitable<std::size_t> read(std::string name, std::uint64_t offset, MutableByteSpan out) override;
    std::optional<std::size_t> try_read(const std::string& name, std::uint64_t offset,
                                        MutableByteSpan out) noexcept override;
    asio::awaitable<std::vector<ObjectInfo>> list() override;
    asio::awaitable<void> remove(std::string name) override;
    asio::awaitable<StoreSpace> space() override;
    std::string name() const override { return below_.name(); }
    asio::awaitable<void> async_drop_impl() override;

  private:
    ObjectStore& below_;
    asyncdrop::AsyncDropBox<ObjectStore> owned_;  // below_, or empty
    std::shared_ptr<FaultPlan> plan_;
};

}  // namespace demofs::store
