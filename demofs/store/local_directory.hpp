// What a LocalObjectStore and its writers share: the open directory and who writes in it. Part of the local
// store.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>

#include "demofs/base/worker_pool.hpp"
#include "demofs/store/file_descriptor.hpp"
#include "demofs/store/writer_state.hpp"

namespace demofs::store {

struct LocalDirectory {
    LocalDirectory(WorkerPool& worker_pool, std::filesystem::path vault_directory)
        : pool(worker_pool), vault(std::move(vault_directory)), objects(vault / "objects") {}

    [[nodiscard]] std::string path_of(const std::string& name) const { return (objects / name).string(); }

    WorkerPool& pool;
    std::filesystem::path vault;
    std::filesystem::path objects;
    FileDescriptor vault_descriptor;    ///< holds the lock
    FileDescriptor objects_descriptor;  ///< constant while the store lives: workers use it
    /// Who writes; the store's strand only.
    std::unordered_map<std::string, const WriterState*> being_written;
};

}  // namespace demofs::store
