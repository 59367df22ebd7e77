// The contract of an object store as plainly as it can be written: what the others are compared with.
#include "demofs/store/testing/memory_object_store.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "demofs/base/error.hpp"
#include "demofs/store/writer_state.hpp"

namespace demofs::store {
namespace {

asio::awaitable<void> let_others_run(const MemoryStoreOptions& options) {
    if (options.always_suspend) co_await asio::post(asio::use_awaitable);
}

}  // namespace

class MemoryObjectWriter final : public ObjectWriter {
  public:
    MemoryObjectWriter(asyncdrop::Passkey<MemoryObjectWriter>, std::shared_ptr<MemoryDisk> disk,
                       const MemoryStoreOptions& options, const std::string& name)
        : disk_(std::move(disk)), options_(options), name_(name), state_("object " + name + " in memory") {}

    asio::awaitable<void> append(ByteSpan data, Durability durability) override {
        const WriterState::Operation operation = state_.begin_append();
        co_await let_others_run(options_);
        append_now(data);
        if (durability == Durability::synced) sync_now();
    }

    asio::awaitable<void> sync() override {
        const WriterState::Operation operation = state_.begin_sync();
        if (state_.ended()) co_return;
        co_await let_others_run(options_);
        sync_now();
    }

    asio::awaitable<void> seal() override {
        const WriterState::Operation operation = state_.begin_sync();
        if (state_.ended()) co_return;
        co_await let_others_run(options_);
        sync_now();
        state_.end();
    }

    bool ended() const noexcept override { return state_.ended(); }
    bool failed() const noexcept override { return state_.failed(); }
    std::uint64_t size() const noexcept override { return state_.size(); }

    asio::awaitable<void> async_drop_impl() override {
        const auto object = disk_->objects_.find(name_);
        if (object != disk_->objects_.end()) object->second.open_for_writing = false;
        co_return;
    }

  private:
    /// The object; a test that erased it under its writer gets ENOENT.
    MemoryDisk::Object& object() {
        static_cast<void>(disk_->find(name_));
        return disk_->objects_.find(name_)->second;
    }

    void append_now(ByteSpan data) try {
        MemoryDisk::Object& target = object();
        if (data.size() > options_.capacity_bytes - std::min(options_.capacity_bytes, disk_->size_bytes())) {
            throw Error(std::errc::no_space_on_device, "Cannot append to " + state_.object());
        }
        target.memory->insert(target.memory->end(), data.begin(), data.end());
        target.size += data.size();
        state_.appended(data.size());
        disk_->step(StoreOperation(OperationKind::append, name_, target.size - data.size(), data.size()));
    } catch (...) {
        state_.fail();
        throw;
    }

    void sync_now() try {
        MemoryDisk::Object& target = object();
        if (disk_->next_sync_fails()) {
            target.sync_failed = true;
            throw Error(std::errc::io_error, "Cannot make " + state_.object() + " durable");
        }
        target.durable = target.size;
        if (options_.sync_ends_object) state_.end();
        disk_->step(StoreOperation(OperationKind::sync, name_));
    } catch (...) {
        state_.fail();
        throw;
    }

    std::shared_ptr<MemoryDisk> disk_;
    MemoryStoreOptions options_;
    std::string name_;
    WriterState state_;
};

asyncdrop::AsyncDropBox<MemoryObjectStore> MemoryObjectStore::open(std::shared_ptr<MemoryDisk> disk,
                                                                   const MemoryStoreOptions& options) {
    disk->settle();
    return asyncdrop::make_box<MemoryObjectStore>(std::move(disk), options);
}

asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> MemoryObjectStore::create(std::string name) {
    require_object_name(name);
    co_await let_others_run(options_);
    if (disk_->contains(name)) {
        throw Error(std::errc::file_exists, "Cannot create object " + name + " in memory");
    }
    disk_->objects_[name].open_for_writing = true;
    asyncdrop::AsyncDropBox<ObjectWriter> writer =
        asyncdrop::make_box<MemoryObjectWriter>(disk_, options_, name);
    disk_->step(StoreOperation(OperationKind::create, name));
    co_return writer;
}

std::size_t MemoryObjectStore::copy_out(const MemoryDisk::Object& object, std::uint64_t offset,
                                        MutableByteSpan out) noexcept {
    if (offset >= object.size || out.empty()) return 0;
    const std::size_t size = std::min<std::uint64_t>(out.size(), object.size - offset);
    std::memcpy(out.data(), object.memory->data() + offset, size);
    return size;
}

asio::awaitable<std::size_t> MemoryObjectStore::read(std::string name, std::uint64_t offset,
                                                     MutableByteSpan out) {
    require_object_name(name);
    co_await let_others_run(options_);
    co_return copy_out(disk_->find(name), offset, out);
}

std::optional<std::size_t> MemoryObjectStore::try_read(const std::string& name, std::uint64_t offset,
                                                       MutableByteSpan out) noexcept {
    const auto object = disk_->objects_.find(name);
    if (options_.reads_must_wait || object == disk_->objects_.end()) return std::nullopt;
    return copy_out(object->second, offset, out);
}

asio::awaitable<std::vector<ObjectInfo>> MemoryObjectStore::list() {
    co_await let_others_run(options_);
    std::vector<ObjectInfo> objects;
    for (const auto& [name, object] : disk_->objects_) objects.push_back({name, object.size});
    co_return objects;
}

asio::awaitable<void> MemoryObjectStore::remove(std::string name) {
    require_object_name(name);
    co_await let_others_run(options_);
    if (disk_->find(name).open_for_writing) {
        throw Error(std::errc::device_or_resource_busy, "Cannot remove object " + name + " in memory");
    }
    disk_->erase(name);
    disk_->step(StoreOperation(OperationKind::remove, name));
}

asio::awaitable<StoreSpace> MemoryObjectStore::space() {
    co_await let_others_run(options_);
    StoreSpace space;
    space.total_bytes = options_.capacity_bytes;
    space.free_bytes = options_.capacity_bytes - std::min(options_.capacity_bytes, disk_->size_bytes());
    co_return space;
}

asio::awaitable<void> MemoryObjectStore::async_drop_impl() {
    co_return;
}

}  // namespace demofs::store
