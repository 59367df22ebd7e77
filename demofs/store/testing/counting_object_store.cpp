// Passes everything on and counts it: tests assert on operations and bytes, never on time.
#include "demofs/store/testing/counting_object_store.hpp"

namespace demofs::store {
namespace {

class CountingObjectWriter final : public ObjectWriter {
  public:
    CountingObjectWriter(asyncdrop::Passkey<CountingObjectWriter>,
                         asyncdrop::AsyncDropBox<ObjectWriter> below, std::shared_ptr<StoreCounters> counters)
        : below_(std::move(below)), counters_(std::move(counters)) {}

    asio::awaitable<void> append(ByteSpan data, Durability durability) override {
        co_await below_->append(data, durability);
        ++counters_->appends;
        counters_->appended_bytes += data.size();
        if (durability == Durability::synced) ++counters_->syncs;
    }

    asio::awaitable<void> sync() override {
        const bool had_ended = below_->ended();
        co_await below_->sync();
        if (!had_ended) ++counters_->syncs;
    }

    asio::awaitable<void> seal() override {
        const bool had_ended = below_->ended();
        co_await below_->seal();
        if (had_ended) co_return;
        ++counters_->syncs;
        ++counters_->seals;
    }

    bool ended() const noexcept override { return below_->ended(); }
    bool failed() const noexcept override { return below_->failed(); }
    std::uint64_t size() const noexcept override { return below_->size(); }
    asio::awaitable<void> async_drop_impl() override { return below_.async_drop(); }

  private:
    asyncdrop::AsyncDropBox<ObjectWriter> below_;
    std::shared_ptr<StoreCounters> counters_;
};

}  // namespace

asyncdrop::AsyncDropBox<CountingObjectStore> CountingObjectStore::make(
    asyncdrop::AsyncDropBox<ObjectStore> below, std::shared_ptr<StoreCounters> counters) {
    return asyncdrop::make_box<CountingObjectStore>(std::move(below), std::move(counters));
}

asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> CountingObjectStore::create(std::string name) {
    asyncdrop::AsyncDropBox<ObjectWriter> below = co_await below_->create(std::move(name));
    ++counters_->creates;
    co_return asyncdrop::make_box<CountingObjectWriter>(std::move(below), counters_);
}

asio::awaitable<std::size_t> CountingObjectStore::read(std::string name, std::uint64_t offset,
                                                       MutableByteSpan out) {
    const std::size_t size = co_await below_->read(std::move(name), offset, out);
    ++counters_->reads;
    counters_->read_bytes += size;
    co_return size;
}

std::optional<std::size_t> CountingObjectStore::try_read(const std::string& name, std::uint64_t offset,
                                                         MutableByteSpan out) noexcept {
    const std::optional<std::size_t> size = below_->try_read(name, offset, out);
    if (size) {
        ++counters_->reads;
        counters_->read_bytes += *size;
    }
    return size;
}

asio::awaitable<std::vector<ObjectInfo>> CountingObjectStore::list() {
    std::vector<ObjectInfo> objects = co_await below_->list();
    ++counters_->lists;
    co_return objects;
}

asio::awaitable<void> CountingObjectStore::remove(std::string name) {
    co_await below_->remove(std::move(name));
    ++counters_->removes;
}

}  // namespace demofs::store
