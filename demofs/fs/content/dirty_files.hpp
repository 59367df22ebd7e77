// All files with unwritten content, with the sum of their bytes and the order in which they became dirty.
// Threads: the core.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/fs/content/dirty_file.hpp"

namespace demofs::fs {

class DirtyFiles {
  public:
    explicit DirtyFiles(std::uint32_t chunk_bytes) : chunk_bytes_(chunk_bytes) {}

    /// Null if the file has no unwritten content.
    const DirtyFile* find(InodeNumber inode) const;

    /// Lets `change` modify the file's content (made if it had none), then accounts for it and lets go
    /// of a file that became clean.
    template <class F>
    void update(InodeNumber inode, F change) {
        Entry& entry = open(inode);
        const std::uint64_t before = entry.file.bytes();
        change(entry.file);
        settle(inode, entry, before);
    }

    void discard(InodeNumber inode);

    /// Makes the file the youngest; nothing if it has no unwritten content.
    void postpone(InodeNumber inode);

    /// Memory in use: the bytes and what holding them costs.
    std::uint64_t memory_bytes() const { return bytes_ + files_.size() * bytes_per_file; }
    std::size_t size() const { return files_.size(); }
    std::optional<InodeNumber> oldest() const;
    std::vector<InodeNumber> all() const;  ///< oldest first

  private:
    static constexpr std::uint64_t bytes_per_file = 256;

    struct Entry {
        DirtyFile file;
        std::uint64_t order = 0;
    };

    Entry& open(InodeNumber inode);
    void settle(InodeNumber inode, Entry& entry, std::uint64_t bytes_before);

    std::unordered_map<InodeNumber, Entry> files_;
    std::map<std::uint64_t, InodeNumber> by_age_;
    std::uint64_t next_order_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint32_t chunk_bytes_;
};

}  // namespace demofs::fs
