// Checks and small changes that the namespace operations share. Threads: the core.
#pragma once

#include <optional>
#include <string_view>

#include "demofs/base/result.hpp"
#include "demofs/fs/edit/tree_edit.hpp"
#include "demofs/fs/model/attributes.hpp"
#include "demofs/fs/model/effects.hpp"
#include "demofs/fs/namespace/name_index.hpp"

namespace demofs::fs::detail {

// The errno for a name that cannot name an entry; `dots` is the one for "." and "..".
std::optional<std::errc> reject_name(std::string_view name, std::errc dots);

// A directory that may get or lose entries. ENOENT (also if it was removed), ENOTDIR.
Result<InodeRecord*> open_directory(TreeEdit& edit, InodeNumber number);

// The inode that an entry names. Throws Error(Errc::corrupt) if there is none.
InodeRecord& named_inode(TreeEdit& edit, InodeNumber directory, const NameIndex::Entry& entry);

// A directory's content changed.
inline void touch(InodeRecord& directory, const Timestamp& now) {
    directory.modified = now;
    directory.changed = now;
}

// Takes one name away from an inode; without any left it becomes an orphan. Its directory's link count is the
// caller's business.
void unlink_name(TreeEdit& edit, InodeNumber number, InodeRecord& inode, const Timestamp& now,
                 Effects& effects);

}  // namespace demofs::fs::detail
