// Decides for each operation whether a planned fault strikes it, and whether the operation takes effect all
// the same: to its caller both look alike.
#include "demofs/store/fault_object_store.hpp"

#include <asyncdrop/even_if_cancelled.hpp>
#include <exception>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/store/writer_state.hpp"

namespace demofs::store {
namespace {

void throw_if(const std::optional<std::errc>& error, OperationKind kind, const std::string& object) {
    if (error) throw_fault(*error, kind, object);
}

}  // namespace

class FaultObjectWriter final : public ObjectWriter {
  public:
    FaultObjectWriter(asyncdrop::Passkey<FaultObjectWriter>, asyncdrop::AsyncDropBox<ObjectWriter> below,
                      std::shared_ptr<FaultPlan> plan, const std::string& object)
        : below_(std::move(below)), plan_(std::move(plan)), state_(object) {}

    asio::awaitable<void> append(ByteSpan data, Durability durability) override {
        const WriterState::Operation operation = state_.begin_append();
        std::exception_ptr error;
        try {
            co_await append_with_faults(data, durability);
        } catch (...) {
            error = std::current_exception();
        }
        finish(error);
    }

    asio::awaitable<void> sync() override {
        const WriterState::Operation operation = state_.begin_sync();
        if (ended()) co_return;
        std::exception_ptr error;
        try {
            co_await sync_with_faults();
        } catch (...) {
            error = std::current_exception();
        }
        finish(error);
    }

    asio::awaitable<void> seal() override {
        const WriterState::Operation operation = state_.begin_sync();
        if (ended()) co_return;
        std::exception_ptr error;
        try {
            const std::optional<std::errc> late = co_await plan_->meet(OperationKind::seal, state_.object());
            co_await below_->seal();
            throw_if(late, OperationKind::seal, state_.object());
        } catch (...) {
            error = std::current_exception();
        }
        finish(error);
    }

    bool ended() const noexcept override { return below_->ended(); }
    bool failed() const noexcept override { return state_.failed() || below_->failed(); }
    std::uint64_t size() const noexcept override { return below_->size(); }

    asio::awaitable<void> async_drop_impl() override {
        std::exception_ptr error;
        std::optional<std::errc> late;
        try {
            late = co_await plan_->meet(OperationKind::close_writer, state_.object());
        } catch (...) {
            error = std::current_exception();
        }
        co_await asyncdrop::even_if_cancelled;
        co_await below_.async_drop();
        if (error) std::rethrow_exception(error);
        throw_if(late, OperationKind::close_writer, state_.object());
    }

  private:
    asio::awaitable<void> append_with_faults(ByteSpan data, Durability durability) {
        const std::optional<std::errc> late = co_await plan_->meet(OperationKind::append, state_.object());
        co_await below_->append(data, Durability::buffered);
        throw_if(late, OperationKind::append, state_.object());
        if (durability == Durability::synced) co_await sync_with_faults();
    }

    asio::awaitable<void> sync_with_faults() {
        const std::optional<std::errc> late = co_await plan_->meet(OperationKind::sync, state_.object());
        co_await below_->sync();
        throw_if(late, OperationKind::sync, state_.object());
    }

    /// Ends an operation: takes over the state below, and makes this writer failed if the operation was.
    void finish(const std::exception_ptr& error) {
        if (below_->ended()) state_.end();
        if (!error) return;
        state_.fail();
        std::rethrow_exception(error);
    }

    asyncdrop::AsyncDropBox<ObjectWriter> below_;
    std::shared_ptr<FaultPlan> plan_;
    WriterState state_;
};

asyncdrop::AsyncDropBox<FaultObjectStore> FaultObjectStore::make(ObjectStore& below,
                                                                 std::shared_ptr<FaultPlan> plan) {
    return asyncdrop::make_box<FaultObjectStore>(below, asyncdrop::AsyncDropBox<ObjectStore>(),
                                                 std::move(plan));
}

asyncdrop::AsyncDropBox<FaultObjectStore> FaultObjectStore::make(asyncdrop::AsyncDropBox<ObjectStore> below,
                                                                 std::shared_ptr<FaultPlan> plan) {
    ObjectStore& store = *below;
    return asyncdrop::make_box<FaultObjectStore>(store, std::move(below), std::move(plan));
}

asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> FaultObjectStore::create(std::string name) {
    const std::string object = "object " + name + " in " + below_.name();
    const std::optional<std::errc> late = co_await plan_->meet(OperationKind::create, object);
    asyncdrop::AsyncDropBox<ObjectWriter> below = co_await below_.create(std::move(name));
    if (late) {
        co_await asyncdrop::even_if_cancelled;
        co_await below.async_drop();
        throw_fault(*late, OperationKind::create, object);
    }
    co_return asyncdrop::make_box<FaultObjectWriter>(std::move(below), plan_, object);
}

asio::awaitable<std::size_t> FaultObjectStore::read(std::string name, std::uint64_t offset,
                                                    MutableByteSpan out) {
    const std::string object = "object " + name + " in " + below_.name();
    const std::optional<std::errc> late = co_await plan_->meet(OperationKind::read, object);
    const std::size_t size = co_await below_.read(std::move(name), offset, out);
    throw_if(late, OperationKind::read, object);
    co_return size;
}

std::optional<std::size_t> FaultObjectStore::try_read(const std::string&, std::uint64_t,
                                                      MutableByteSpan) noexcept {
    return std::nullopt;
}

asio::awaitable<std::vector<ObjectInfo>> FaultObjectStore::list() {
    const std::string object = below_.name();
    const std::optional<std::errc> late = co_await plan_->meet(OperationKind::list, object);
    std::vector<ObjectInfo> objects = co_await below_.list();
    throw_if(late, OperationKind::list, object);
    co_return objects;
}

asio::awaitable<void> FaultObjectStore::remove(std::string name) {
    const std::string object = "object " + name + " in " + below_.name();
    const std::optional<std::errc> late = co_await plan_->meet(OperationKind::remove, object);
    co_await below_.remove(std::move(name));
    throw_if(late, OperationKind::remove, object);
}

asio::awaitable<StoreSpace> FaultObjectStore::space() {
    const std::string object = below_.name();
    const std::optional<std::errc> late = co_await plan_->meet(OperationKind::space, object);
    const StoreSpace space = co_await below_.space();
    throw_if(late, OperationKind::space, object);
    co_return space;
}

asio::awaitable<void> FaultObjectStore::async_drop_impl() {
    const std::string object = below_.name();
    std::exception_ptr error;
    std::optional<std::errc> late;
    try {
        late = co_await plan_->meet(OperationKind::close_store, object);
    } catch (...) {
        error = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    if (owned_) co_await owned_.async_drop();
    if (error) std::rethrow_exception(error);
    throw_if(late, OperationKind::close_store, object);
}

}  // namespace demofs::store
