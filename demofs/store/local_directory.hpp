// What a LocalObjectStore and its writers share: the open directory, how it is read and written, and who
// writes in it. Part of the local store.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <string>
#include <unordered_map>

#include "demofs/base/worker_pool.hpp"
#include "demofs/store/file_descriptor.hpp"
#include "demofs/store/folder_watch.hpp"
#include "demofs/store/io/io_engine.hpp"
#include "demofs/store/io/page_pool.hpp"
#include "demofs/store/operation_watch.hpp"
#include "demofs/store/writer_state.hpp"

namespace demofs::store {

struct LocalDirectory {
    LocalDirectory(IoEngine& io_engine, WorkerPool& worker_pool, boost::asio::any_io_executor strand,
                   std::filesystem::path vault_directory, bool want_direct)
        : io(io_engine),
          pool(worker_pool),
          executor(std::move(strand)),
          vault(std::move(vault_directory)),
          objects(vault / "objects"),
          direct(want_direct) {}

    /// Throws Error (EIO) if somebody has deleted the vault, something in it, or the open file `file`.
    boost::asio::awaitable<void> check_folder(int file = -1) {
        return watch.check(pool, objects_descriptor.get(), file, objects.string());
    }
    [[nodiscard]] std::string path_of(const std::string& name) const { return (objects / name).string(); }

    IoEngine& io;      ///< objects' bytes
    WorkerPool& pool;  ///< everything else that blocks: names, sizes, the ends of objects
    boost::asio::any_io_executor executor;
    std::filesystem::path vault;
    std::filesystem::path objects;
    bool direct;                           ///< past the page cache where the filesystem can
    PagePool pages{4u << 20};              ///< the store's strand only
    FileDescriptor vault_descriptor;       ///< holds the lock
    FolderWatch watch;                     ///< the store's strand only
    FileDescriptor objects_descriptor;     ///< constant while the store lives: workers use it
    OperationWatch* operations = nullptr;  ///< null: nobody looks
    /// Who writes; the store's strand only.
    std::unordered_map<std::string, const WriterState*> being_written;
};

}  // namespace demofs::store
