// What names may be, which directories may change, and what an inode's last name leaves behind.
#include "demofs/fs/namespace/checks.hpp"

#include <string>

#include "demofs/base/error.hpp"
#include "demofs/fs/records/keys.hpp"
#include "demofs/fs/records/orphan_record.hpp"

namespace demofs::fs::detail {

std::optional<std::errc> reject_name(std::string_view name, std::errc dots) {
    if (name.empty()) return std::errc::no_such_file_or_directory;
    if (name.size() > max_name_bytes) return std::errc::filename_too_long;
    if (name == "." || name == "..") return dots;
    if (name.find('/') != name.npos || name.find('\0') != name.npos) return std::errc::invalid_argument;
    return std::nullopt;
}

Result<InodeRecord*> open_directory(TreeEdit& edit, InodeNumber number) {
    InodeRecord* directory = edit.inode(number);
    if (directory == nullptr) return std::errc::no_such_file_or_directory;
    if (!directory->is_directory()) return std::errc::not_a_directory;
    if (directory->links == 0) return std::errc::no_such_file_or_directory;
    return directory;
}

InodeRecord& named_inode(TreeEdit& edit, InodeNumber directory, const NameIndex::Entry& entry) {
    InodeRecord* inode = edit.inode(entry.record.inode);
    if (inode != nullptr) return *inode;
    throw Error(Errc::corrupt, "Entry " + std::to_string(entry.cookie) + " of directory " +
                                   std::to_string(raw(directory)) + " names inode " +
                                   std::to_string(raw(entry.record.inode)) + ", which does not exist.");
}

void unlink_name(TreeEdit& edit, InodeNumber number, InodeRecord& inode, const Timestamp& now,
                 Effects& effects) {
    inode.changed = now;
    inode.links = inode.is_directory() || inode.links == 0 ? 0 : inode.links - 1;
    if (inode.links != 0) return;
    OrphanRecord orphan;
    const auto known = edit.find(orphan_key(raw(number)));
    if (known) orphan = decode_orphan_record(*known);
    orphan.free_inode = true;
    edit.put(orphan_key(raw(number)), encode(orphan));
    effects.unlinked = number;
}

}  // namespace demofs::fs::detail
