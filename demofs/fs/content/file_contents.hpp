// Reading, writing, flushing and resizing of files, each as one synchronous attempt.
//
// Where the bytes of a file are: buffered (DirtyFiles) over inline (one entry of the tree, small files) or in
// extents (blocks of the log). Nothing is ever read in order to write.
//
// Every attempt either happens wholly or, by a Result error or an exception, not at all: after
// tree::NodeFault or MustWait the caller waits and attempts again with the same arguments. Changes reach the
// tree one file at a time and atomically: bytes, size and times together.
//
// Threads: the core.
#pragma once

#include <cstdint>

#include "demofs/base/bytes.hpp"
#include "demofs/base/result.hpp"
#include "demofs/fs/content/dirty_files.hpp"
#include "demofs/fs/content/extent_map.hpp"
#include "demofs/fs/content/read_plan.hpp"
#include "demofs/fs/edit/numbers.hpp"
#include "demofs/fs/edit/tree_edit.hpp"
#include "demofs/fs/model/effects.hpp"
#include "demofs/fs/model/operations.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::fs {

inline constexpr std::uint64_t max_file_bytes = (std::uint64_t{1} << 63) - 1;

struct ContentSettings {
    std::uint32_t chunk_bytes = 32 * 1024;  ///< payload of a full data block
    std::uint32_t inline_bytes = 1024;
};

class FileContents {
  public:
    /// `tree` and `numbers` must outlive this.
    FileContents(ContentSettings settings, tree::Tree& tree, Numbers& numbers)
        : settings_(settings), tree_(&tree), numbers_(&numbers), dirty_(settings.chunk_bytes) {}

    /// ENOENT, EISDIR, EINVAL.
    Result<ReadPlan> plan_read(InodeNumber inode, std::uint64_t offset, std::size_t size);

    /// All of `data`, or nothing. ENOENT, EISDIR, EINVAL, EFBIG. `effects.touched` stays empty if everything
    /// was buffered.
    Result<std::size_t> write(InodeNumber inode, std::uint64_t offset, ByteSpan data,
                              const std::optional<Timestamp>& now, Effects& effects);

    /// Moves buffered content of the file into the tree, a bounded amount at a time, in the order of the
    /// file; whether none is left.
    bool flush(InodeNumber inode, Effects& effects);

    /// chmod, chown, utimens and truncate. Of a size change: O(1) changes of the tree for files with many
    /// extents, the rest is the reclaimer's. ENOENT, EISDIR, EINVAL, EFBIG.
    Result<Attributes> set_attributes(const SetAttributes& operation, Effects& effects);

    /// Adds to a record what is buffered: size, times, and the allocated bytes that it is sure to have at least,
    /// so that they never become fewer by being written: what lies behind the file's end.
    void adjust(InodeNumber inode, InodeRecord& record) const;

    /// Throws away what is buffered of an inode that is gone.
    void discard(InodeNumber inode) { dirty_.discard(inode); }
    void postpone(InodeNumber inode) { dirty_.postpone(inode); }

    const DirtyFiles& dirty() const { return dirty_; }

  private:
    static constexpr std::size_t stretches_per_flush = 256;
    static constexpr std::size_t extents_cut_at_once = 256;
    static constexpr std::size_t extents_cut_on_clearing = 32;  // more: the whole data id becomes an orphan

    void store(TreeEdit& edit, InodeRecord& record, std::vector<PendingBlock> blocks, std::uint64_t new_size);
    bool fits_inline(const InodeRecord& record, std::uint64_t size) const;
    void store_inline(TreeEdit& edit, InodeRecord& record, const std::vector<PendingBlock>& blocks);
    void resize(TreeEdit& edit, InodeNumber inode, InodeRecord& record, std::uint64_t size,
                std::optional<Numbers::Lease>& fresh, Effects& effects);
    void shrink_extents(TreeEdit& edit, InodeNumber inode, InodeRecord& record, std::uint64_t size,
                        std::optional<Numbers::Lease>& fresh, Effects& effects);

    ContentSettings settings_;
    tree::Tree* tree_;
    Numbers* numbers_;
    DirtyFiles dirty_;
};

}  // namespace demofs::fs
