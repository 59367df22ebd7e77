// Finds and places the entries of a directory: dirent key = hash of the name (56 bits at most) << 7 | slot.
//
// Names with equal hashes take the slots 0…127 of that hash; an entry keeps its slot for life, so its key is
// a readdir cookie that stays valid while entries around it come and go. The full name is always compared. A
// hash of 0 counts as 1, which keeps the keys 0…127, and with them the cookies 1 and 2, free for "." and
// "..".
//
// Threads: the core. Reads throw tree::NodeFault.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "demofs/base/types.hpp"
#include "demofs/fs/edit/tree_edit.hpp"
#include "demofs/fs/records/dirent_record.hpp"

namespace demofs::fs {

inline constexpr unsigned max_name_hash_bits = 56;
inline constexpr unsigned slot_bits = 7;
inline constexpr std::uint64_t slots_per_hash = 1u << slot_bits;
inline constexpr std::uint64_t dot_cookie = 1;
inline constexpr std::uint64_t dot_dot_cookie = 2;

class NameIndex {
  public:
    /// `bits` <= 56 of the hash are used; fewer make collisions, for tests.
    NameIndex(std::function<std::uint64_t(std::string_view)> hash, unsigned bits);

    struct Entry {
        std::uint64_t cookie = 0;
        DirentRecord record;
    };

    /// The entry called `name`, as it stands in the tree.
    std::optional<Entry> find(tree::Tree& tree, InodeNumber directory, std::string_view name) const;

    /// A free cookie for a name that find() did not find; nothing if all slots of its hash are taken.
    std::optional<std::uint64_t> free_cookie(tree::Tree& tree, InodeNumber directory,
                                             std::string_view name) const;

  private:
    std::uint64_t first_cookie(std::string_view name) const;

    std::function<std::uint64_t(std::string_view)> hash_;
    std::uint64_t mask_;
};

}  // namespace demofs::fs
