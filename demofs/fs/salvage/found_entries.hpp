// The entries of the tree as far as they are known, whatever they were found in: what names there are, what
// each inode is, and where its content lies.
//
// Threads: a plain value. Memory: about 250 bytes for each inode, 100 for each name, 100 for each extent; the
// content of small files stays in the vault until it is wanted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/block/address.hpp"
#include "demofs/fs/records/extent_record.hpp"
#include "demofs/fs/records/inode_record.hpp"
#include "demofs/fs/records/orphan_record.hpp"
#include "demofs/tree/key.hpp"

namespace demofs::fs {

class FoundEntries {
  public:
    /// `as_of`: the newest commit that is known to have shown it.
    struct Inode {
        InodeRecord record;
        Generation as_of{0};
    };
    struct Name {
        std::uint64_t directory = 0;
        std::uint64_t cookie = 0;
        std::uint64_t inode = 0;
        std::uint32_t type = 0;  ///< bits of S_IFMT
        std::string name;
    };
    struct Extent {
        std::uint64_t data = 0;
        std::uint64_t offset = 0;
        ExtentRecord run;
        Generation as_of{0};
    };
    /// The leaf that has the content of a small file, or the target of a symbolic link.
    struct Inline {
        block::BlockAddress leaf;
        std::uint32_t bytes = 0;
        Generation as_of{0};
    };

    /// Takes an entry that the node `leaf` has; each key only once. One that cannot be decoded is counted.
    void add(const tree::Key& key, ByteSpan value, const block::BlockAddress& leaf, Generation as_of);

    /// Puts what was added in order: between the last add() and the first question.
    void sort();

    [[nodiscard]] const std::unordered_map<std::uint64_t, Inode>& inodes() const { return inodes_; }
    [[nodiscard]] const Inode* inode(std::uint64_t number) const;
    /// By directory, then in the order of a listing.
    [[nodiscard]] const std::vector<Name>& names() const { return names_; }
    [[nodiscard]] std::span<const Name> names_in(std::uint64_t directory) const;
    /// By offset.
    [[nodiscard]] std::span<const Extent> extents_of(std::uint64_t data) const;
    [[nodiscard]] const Inline* inline_of(std::uint64_t data) const;
    /// The ids of all content that an extent or inline data tells of, each once, ascending.
    [[nodiscard]] std::vector<std::uint64_t> contents() const;
    /// The inode whose content this is; 0: none that is known.
    [[nodiscard]] std::uint64_t owner_of(std::uint64_t data) const;
    /// Whether the content was given up, and waits to be freed.
    [[nodiscard]] bool is_given_up(std::uint64_t data) const;
    [[nodiscard]] std::uint64_t undecodable() const { return undecodable_; }

  private:
    void decode(const tree::Key& key, ByteSpan value, const block::BlockAddress& leaf, Generation as_of);

    std::unordered_map<std::uint64_t, Inode> inodes_;
    std::unordered_map<std::uint64_t, std::uint64_t> owners_;  // by data id
    std::vector<Name> names_;
    std::vector<Extent> extents_;
    std::unordered_map<std::uint64_t, Inline> inlines_;
    std::unordered_map<std::uint64_t, OrphanRecord> orphans_;
    std::uint64_t undecodable_ = 0;
};

}  // namespace demofs::fs
