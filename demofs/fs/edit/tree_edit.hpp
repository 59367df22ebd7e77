// A change of the tree while it is being built: reads see what was already put, and the whole is applied at
// once.
//
// An operation reads and edits until it knows that it succeeds, then calls apply(). Any read may throw
// tree::NodeFault; nothing has been changed then, the edit is thrown away and the operation runs again. An
// operation with a side effect that must not be repeated (appending blocks) calls prefault() first and has it
// afterwards: from there to apply() nothing can fault.
//
// Threads: the core; an edit never lives across a suspension.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/base/types.hpp"
#include "demofs/fs/records/inode_record.hpp"
#include "demofs/tree/changes.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::fs {

class TreeEdit {
  public:
    /// `tree` must outlive the edit.
    explicit TreeEdit(tree::Tree& tree) : tree_(&tree) {}
    TreeEdit(const TreeEdit&) = delete;
    TreeEdit& operator=(const TreeEdit&) = delete;

    /// The value as this edit leaves it; the span is valid until the edit changes that key or is applied.
    std::optional<ByteSpan> find(const tree::Key& key);

    /// The entries with from <= key <= to as this edit leaves them, in order; both keys of one object and
    /// kind. For ranges with few entries.
    std::vector<std::pair<tree::Key, Bytes>> range(const tree::Key& from, const tree::Key& to);

    /// The last entry with key <= `key`, of its object and kind, as this edit leaves it.
    std::optional<std::pair<tree::Key, Bytes>> find_last_not_after(const tree::Key& key);

    void put(const tree::Key& key, Bytes value);

    /// Removes an entry that exists in the tree or was put by this edit.
    void erase(const tree::Key& key);

    /// Live file data gained (positive) or lost (negative) by a segment, in payload bytes.
    void use(const block::SegmentId& segment, std::int64_t bytes);

    // --- inodes: read often, so decoded once; written back by apply() if they were changed ---

    /// The inode's record, to be read or changed in place; null if there is none. The pointer is valid until
    /// the edit ends.
    InodeRecord* inode(InodeNumber number);
    /// Makes a record that does not exist yet.
    InodeRecord& add_inode(InodeNumber number, InodeRecord record);
    void erase_inode(InodeNumber number);

    /// Makes sure that neither apply() nor further changes of inodes and keys already seen, nor of keys
    /// within [from, to], can fault.
    void prefault(const tree::Key& from, const tree::Key& to);
    void prefault();

    /// Applies everything; the edit is used up. Throws like Tree::apply, NodeFault too, with nothing changed.
    Epoch apply();

    tree::Tree& tree() { return *tree_; }

  private:
    using Entry = tree::Changes::Entry;
    struct CachedInode {
        InodeNumber number{};
        InodeRecord record;
        InodeRecord stored;  // to see what was changed
        bool is_new = false;
        bool erased = false;
    };

    std::vector<Entry>::iterator position(const tree::Key& key);
    void set(const tree::Key& key, std::optional<Bytes> value);
    void write_back_inodes();

    tree::Tree* tree_;
    std::vector<Entry> entries_;  // sorted by key
    std::vector<tree::Changes::Usage> usage_;
    std::vector<std::unique_ptr<CachedInode>> inodes_;  // few; pointers stay valid
};

}  // namespace demofs::fs
