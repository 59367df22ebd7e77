// The medium below MemoryObjectStore: what would be on the disk, and what only in the system's memory. It
// outlives the stores opened on it, can be copied at any moment at the cost of its number of objects, and can
// crash.
//
// Model: names are durable at once (`create` and `remove` return durable). An object is a durable prefix
// followed by bytes that no sync has covered; a crash may do anything to the latter, independently for each
// object. A sync that fails as on a real disk (`fail_sync`) leaves those bytes in the system's cache only, for
// everybody to read, and as clean as if they were stored: no later sync writes them.
//
// Threads: a disk and all its copies share memory and belong to one thread.
// Invariant: bytes of an object, once appended, never change; only a crash makes new ones.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/store/store_operation.hpp"

namespace demofs::store {

/// Decides what a crash leaves of the bytes of one object that no sync has covered: edits `unsynced`, which
/// begins at `offset` of the object, freely.
using CrashPolicy = std::function<void(const std::string& name, std::uint64_t offset, Bytes& unsynced)>;

/// Nothing that was not synced survives.
[[nodiscard]] CrashPolicy lose_unsynced();
/// Everything survives.
[[nodiscard]] CrashPolicy keep_unsynced();
/// The first `size_bytes` of each object's unsynced bytes survive.
[[nodiscard]] CrashPolicy tear_unsynced_at(std::uint64_t size_bytes);
/// Nothing that was not synced survives, but zeros in its place and `ahead_bytes` beyond: a local directory's
/// writer writes ahead.
[[nodiscard]] CrashPolicy zero_unsynced(std::uint64_t ahead_bytes);
/// Unsynced bytes survive in 4 KiB pages written in any order: each page of the object is kept, lost (zeros,
/// if a later one is kept) or torn, as `seed` decides; two objects differ. Pages start at multiples of 4 KiB
/// of the object.
[[nodiscard]] CrashPolicy reorder_unsynced(std::uint64_t seed);

class MemoryDisk {
  public:
    /// Called after each step that took effect; a synced append is two steps, append and sync. A copy made
    /// inside the hook is the state at that step. It must not throw. Reads, lists and closings do not count
    /// as steps.
    using Hook = std::function<void(const StoreOperation&)>;

    MemoryDisk() = default;

    /// This disk as it is now; later changes of either are not seen by the other. The hook is not copied.
    [[nodiscard]] MemoryDisk snapshot() const;
    /// The disk after power was lost now.
    [[nodiscard]] MemoryDisk crashed(const CrashPolicy& policy) const;

    /// The disk after power was lost while pages were being written: nothing unsynced survives, and a page in
    /// which an object's durable bytes end is zeros as a whole if bytes had been appended behind them.
    [[nodiscard]] MemoryDisk crashed_in_pages() const;

    void on_operation(Hook hook) { hook_ = std::move(hook); }

    /// The `nth` sync from now on (1: the next) fails with EIO, and what it covers never reaches the disk.
    void fail_sync(std::uint64_t nth) { syncs_until_failure_ = nth; }

    /// What a store owes its user when it is opened for writing (object_store.hpp): bytes that earlier writers
    /// left unsynced become durable; those of a failed sync turn out to be zeros. Objects that are being
    /// written are left alone.
    void settle();

    /// Bytes of all objects, durable or not.
    [[nodiscard]] std::uint64_t size_bytes() const;
    [[nodiscard]] std::size_t object_count() const { return objects_.size(); }
    [[nodiscard]] bool contains(const std::string& name) const { return objects_.contains(name); }
    [[nodiscard]] std::vector<std::string> names() const;

    /// The bytes of an object, and how many of them are durable. Throws Error (ENOENT).
    [[nodiscard]] Bytes contents(const std::string& name) const;
    [[nodiscard]] std::uint64_t durable_bytes(const std::string& name) const;
    /// Replaces an object's contents, or makes it, all durable: for tests that damage what is stored.
    void put(const std::string& name, ByteSpan contents);
    void erase(const std::string& name);

  private:
    friend class MemoryObjectStore;
    friend class MemoryObjectWriter;

    struct Object {
        std::shared_ptr<Bytes> memory =
            std::make_shared<Bytes>();  // shared with snapshots, may be longer than `size`
        std::uint64_t size = 0;
        std::uint64_t durable = 0;
        bool open_for_writing = false;
        bool sync_failed = false;  // what lies behind `durable` is in the cache only
    };

    static void lose_power(const std::string& name, Object& object, const CrashPolicy& policy);
    bool next_sync_fails() { return syncs_until_failure_ > 0 && --syncs_until_failure_ == 0; }
    const Object& find(const std::string& name) const;
    void step(const StoreOperation& operation) const {
        if (hook_) hook_(operation);
    }

    std::map<std::string, Object> objects_;
    Hook hook_;
    std::uint64_t syncs_until_failure_ = 0;  // 0: none fails
};

}  // namespace demofs::store
