// A decorator for reading what a failing disk still gives: where a read fails, it is done again page by page,
// and zeros stand for the pages that cannot be read. For salvage: what is read is authenticated above, and
// zeros are not authentic.
//
// Only to be read through where an unreadable place and a lost one are the same. Who asks what a crash has
// left must not take an unreadable page for one that was never written.
//
// Threads: as ObjectStore.
#pragma once

#include <asyncdrop/box.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "demofs/store/object_store.hpp"

namespace demofs::store {

class LenientObjectStore final : public ObjectStore {
  public:
    LenientObjectStore(asyncdrop::Passkey<LenientObjectStore>, ObjectStore& below) : below_(below) {}

    /// Over `below`, which must outlive the drop.
    [[nodiscard]] static asyncdrop::AsyncDropBox<LenientObjectStore> make(ObjectStore& below);

    /// Refuses with EROFS.
    asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> create(std::string name) override;
    /// As ObjectStore; throws only if there is no such object. At an unreadable end it may return up to a
    /// page more than there is.
    asio::awaitable<std::size_t> read(std::string name, std::uint64_t offset, MutableByteSpan out) override;
    std::optional<std::size_t> try_read(const std::string& name, std::uint64_t offset,
                                        MutableByteSpan out) noexcept override;
    asio::awaitable<std::vector<ObjectInfo>> list() override;
    /// Refuses with EROFS.
    asio::awaitable<void> remove(std::string name) override;
    asio::awaitable<StoreSpace> space() override;
    std::string name() const override { return below_.name(); }
    asio::awaitable<void> async_drop_impl() override;

    /// For which zeros were given, each time they were asked for.
    [[nodiscard]] std::uint64_t unreadable_bytes() const noexcept { return unreadable_bytes_; }

  private:
    asio::awaitable<std::size_t> read_by_page(std::string name, std::uint64_t offset, MutableByteSpan out);

    ObjectStore& below_;
    std::uint64_t unreadable_bytes_ = 0;
};

}  // namespace demofs::store
