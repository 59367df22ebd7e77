// The object store on a local directory: one file for each object in VAULT/objects, read and written past the
// page cache where the filesystem can do that (what is in them is encrypted: the caches that pay are above),
// and made durable with durable writes, fdatasync and directory syncs.
//
// Threads: as ObjectStore, on the executor of the IoEngine. The bytes of objects go through the engine; other
// system calls that can block run on a WorkerPool. Engine and pool must outlive the store. Of files that are
// not direct, what the page cache holds is read on the calling thread. Invariants: a file is written by the
// writer that created it only; the writing store holds an exclusive lock (flock) on the vault directory from
// its opening to its drop, so that at most one process writes.
#pragma once

#include <asyncdrop/box.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>

#include "demofs/base/worker_pool.hpp"
#include "demofs/store/folder_watch.hpp"
#include "demofs/store/io/io_engine.hpp"
#include "demofs/store/object_store.hpp"
#include "demofs/store/open_file_cache.hpp"
#include "demofs/store/operation_watch.hpp"

namespace demofs::store {

struct LocalDirectory;

enum class LocalAccess {
    read_write,               ///< takes the vault for itself
    read_only,                ///< keeps writers out, admits other readers
    read_only_beside_writer,  ///< no lock: objects may come and go meanwhile
};

struct LocalStoreOptions {
    LocalAccess access = LocalAccess::read_write;
    /// Files kept open for reading at most.
    std::size_t max_open_files = 256;
    /// Past the page cache, where the filesystem of a file says that it can.
    bool direct = true;
    /// With LocalAccess::read_write: who hears of objects that another machine's writer has put there meanwhile.
    OnStrangers on_strangers;
    /// Who sees what is under way; outlives the store's drop, or is null.
    OperationWatch* operations = nullptr;
};

class LocalObjectStore final : public ObjectStore {
  public:
    LocalObjectStore(asyncdrop::Passkey<LocalObjectStore>, std::shared_ptr<LocalDirectory> directory,
                     const LocalStoreOptions& options);

    /// Makes the objects directory of a new vault inside the existing directory `vault`, durably; does
    /// nothing if it is there. Throws Error.
    [[nodiscard]] static asio::awaitable<void> initialize(WorkerPool& pool, std::filesystem::path vault);

    /// Opens the vault directory and takes the lock that `options.access` asks for, without waiting. `io` and
    /// `pool` must outlive the store. Throws Error: ENOENT, ENOTDIR, EACCES or EROFS of the directory,
    /// Errc::not_a_vault if it has no objects directory, Errc::vault_in_use if another process (or store)
    /// holds a conflicting lock.
    [[nodiscard]] static asio::awaitable<asyncdrop::AsyncDropBox<LocalObjectStore>> open(
        IoEngine& io, WorkerPool& pool, std::filesystem::path vault, LocalStoreOptions options);

    asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> create(std::string name) override;
    asio::awaitable<std::size_t> read(std::string name, std::uint64_t offset, MutableByteSpan out) override;
    std::optional<std::size_t> try_read(const std::string& name, std::uint64_t offset,
                                        MutableByteSpan out) noexcept override;
    /// Entries of the directory that cannot be objects (other names, no regular files) are left out and
    /// counted.
    asio::awaitable<std::vector<ObjectInfo>> list() override;
    asio::awaitable<void> remove(std::string name) override;
    asio::awaitable<StoreSpace> space() override;
    std::string name() const override;
    /// Closes the files and gives the lock back. Throws std::logic_error, after that, if writers are open.
    asio::awaitable<void> async_drop_impl() override;

    /// Entries that the last `list` left out.
    [[nodiscard]] std::size_t ignored_entries() const noexcept { return ignored_entries_; }
    /// Files that are open for reading, apart from those of reads in flight.
    [[nodiscard]] std::size_t open_files() const noexcept { return open_files_.size(); }

  private:
    void require_writable(const std::string& action, const std::string& name) const;
    MutableByteSpan within_object(const std::string& name, std::uint64_t offset, MutableByteSpan out) const;

    std::shared_ptr<LocalDirectory> directory_;
    LocalAccess access_;
    OpenFileCache open_files_;
    bool cached_reads_supported_ = true;
    std::size_t ignored_entries_ = 0;
    std::uint64_t removals_ = 0;  // a file opened before a removal is not kept: it may be the removed one
};

}  // namespace demofs::store
