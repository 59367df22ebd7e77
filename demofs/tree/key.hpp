// The key of the one metadata tree: (object, kind, key), ordered in that sequence, so that all entries of an
// object lie side by side. Part of the on-disk format: never renumber a kind. See docs/on-disk-format.md,
// "Tree".
#pragma once

#include <compare>
#include <cstdint>

namespace demofs::tree {

enum class Kind : std::uint8_t {
    inode = 1,          ///< object: inode number; key: 0
    dirent = 2,         ///< object: the directory's inode number; key: 56-bit hash of the name << 7 | slot
    xattr = 3,          ///< object: inode number; key: as for a dirent (reserved: nothing writes it yet)
    inline_data = 4,    ///< object: data id; key: 0. A small file's whole content, or a symlink's target
    extent = 5,         ///< object: data id; key: offset of its first byte in the file
    orphan = 6,         ///< object: 0; key: inode number or data id. Work the reclaimer has still to do
    segment_usage = 7,  ///< object: 0; key: the segment's sequence. Live bytes in it
};

struct Key {
    std::uint64_t object = 0;
    Kind kind = Kind::inode;
    std::uint64_t key = 0;

    friend auto operator<=>(const Key&, const Key&) = default;
};

}  // namespace demofs::tree
