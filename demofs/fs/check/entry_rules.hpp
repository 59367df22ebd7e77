// What must hold between the entries of a tree: names and inodes, link counts, sizes and extents, orphans.
//
// Every entry is added once, in the order of keys; then finish() says what contradicts what. A place that could
// not be read is told as well: what a missing entry would have to say is then no contradiction.
//
// Threads: one at a time. Memory: a few hundred bytes for each file.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "demofs/fs/records/dirent_record.hpp"
#include "demofs/fs/records/extent_record.hpp"
#include "demofs/fs/records/inode_record.hpp"
#include "demofs/fs/records/orphan_record.hpp"
#include "demofs/tree/key.hpp"

namespace demofs::fs {

/// Something that is wrong, as a sentence without a full stop.
struct Finding {
    std::string what;
    std::string
        path;  ///< of the file that it concerns, from the vault's root; empty: no single one, or unknown

    friend bool operator==(const Finding&, const Finding&) = default;
};

class EntryRules {
  public:
    /// The rules of a tree that the commit `newest` shows.
    explicit EntryRules(Generation newest) : newest_(newest) {}

    /// An entry that cannot be decoded is a finding.
    void add(const tree::Key& key, ByteSpan value);

    /// Entries with from <= key < to, if there were any, are not known.
    void lose(const tree::Key& from, const tree::Key& to) { lost_.push_back({from, to}); }

    /// All contradictions. Called once, at the end.
    [[nodiscard]] std::vector<Finding> finish();

    /// A path to the inode, "/a/b"; "inode N" if it has no name that is known.
    [[nodiscard]] std::string path_of(std::uint64_t inode) const;

    /// Extents of a data id, by offset.
    using Extents = std::map<std::uint64_t, ExtentRecord>;
    struct Content {
        bool has_inline = false;
        std::uint64_t inline_bytes = 0;
        Extents extents;
    };
    [[nodiscard]] const std::map<std::uint64_t, Content>& contents() const { return contents_; }
    /// The inode whose content has this data id; 0 if none has.
    [[nodiscard]] std::uint64_t owner_of(std::uint64_t data) const;
    [[nodiscard]] std::size_t inodes() const { return inodes_.size(); }

  private:
    struct Range {
        tree::Key from, to;
    };
    struct Name {
        std::uint64_t directory;
        DirentRecord entry;
    };

    void wrong(std::string what, std::string path = {});
    void wrong_about(std::string what, std::uint64_t inode);
    void decode(const tree::Key& key, ByteSpan value);
    bool lost(const tree::Key& from, const tree::Key& to) const;
    bool lost_content(const InodeRecord& inode) const;
    void count_names();
    void check_inode(std::uint64_t number, const InodeRecord& inode);
    void check_directory(std::uint64_t number, const InodeRecord& inode);
    void check_content(std::uint64_t number, const InodeRecord& inode);
    void check_orphans();

    Generation newest_;
    std::map<std::uint64_t, InodeRecord> inodes_;
    std::map<std::uint64_t, std::uint64_t> children_;  // by directory
    std::vector<Name> names_;                          // in the order of directories
    std::map<std::uint64_t, Content> contents_;        // by data id
    std::map<std::uint64_t, OrphanRecord> orphans_;
    std::map<std::uint64_t, std::uint64_t> owners_;          // by data id
    std::map<std::uint64_t, std::size_t> first_name_;        // by inode, in names_
    std::map<std::uint64_t, std::uint64_t> name_count_;      // by inode
    std::map<std::uint64_t, std::uint64_t> subdirectories_;  // by directory
    std::vector<Range> lost_;
    std::vector<Finding> findings_;
};

}  // namespace demofs::fs
