// A decorator that fails or holds chosen operations, for tests of everything above. What it does is told by a
// FaultPlan that the test shares with it and may change at any time, on the store's strand.
//
// A synced append counts as two operations, an append and a sync. `try_read` finds nothing here, so that
// every read is an operation that can fail.
#pragma once

#include <asyncdrop/box.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "demofs/store/object_store.hpp"
#include "demofs/store/store_operation.hpp"

namespace demofs::store {

/// Which operations fail, and how.
struct Fault {
    std::optional<OperationKind> kind = std::nullopt;  ///< any kind if none
    std::uint64_t nth = 1;  ///< counts matching operations from `FaultPlan::fail` on
    std::errc error = std::errc::io_error;
    bool persistent = false;  ///< all later matching operations fail as well
    bool applied = false;     ///< the operation takes effect below before it fails
};

class FaultPlan {
  public:
    FaultPlan() = default;
    FaultPlan(const FaultPlan&) = delete;
    FaultPlan& operator=(const FaultPlan&) = delete;

    void fail(const Fault& fault) { faults_.push_back(fault); }

    /// From the nth matching operation on, all matching ones wait before they take effect, until `release`. A
    /// test releases before it ends: coroutines that wait are freed by nothing else.
    void hold(std::optional<OperationKind> kind = std::nullopt, std::uint64_t nth = 1);
    /// Lets the held operations go on, and holds no more.
    void release();
    /// Forgets all faults; held operations stay held.
    void clear() { faults_.clear(); }

    /// Operations that wait now.
    [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }
    /// Operations that have reached the store so far, failed and held ones included.
    [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }

  private:
    friend class FaultObjectStore;
    friend class FaultObjectWriter;
    using Handler = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

    struct Hold {
        std::optional<OperationKind> kind;
        std::uint64_t nth;
    };

    /// Waits while the operation is held, throws its fault, or returns one to be thrown after the operation.
    asio::awaitable<std::optional<std::errc>> meet(OperationKind kind, std::string object);
    asio::awaitable<void> wait_for_release();

    std::vector<Fault> faults_;
    std::optional<Hold> hold_;
    std::vector<Handler> held_;
    std::uint64_t operations_ = 0;
};

class FaultObjectStore final : public ObjectStore {
  public:
    FaultObjectStore(asyncdrop::Passkey<FaultObjectStore>, asyncdrop::AsyncDropBox<ObjectStore> below,
                     std::shared_ptr<FaultPlan> plan)
        : below_(std::move(below)), plan_(std::move(plan)) {}

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
    std::string name() const override { return below_->name(); }
    asio::awaitable<void> async_drop_impl() override;

  private:
    asyncdrop::AsyncDropBox<ObjectStore> below_;
    std::shared_ptr<FaultPlan> plan_;
};

}  // namespace demofs::store
