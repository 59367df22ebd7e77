// Remove: unlink(2) and rmdir(2).
#include "demofs/fs/namespace/change.hpp"
#include "demofs/fs/namespace/checks.hpp"
#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

Result<Nothing> apply(const Namespace& where, const Remove& remove, Effects& effects) {
    if (const auto bad = detail::reject_name(remove.name, std::errc::invalid_argument)) return *bad;
    TreeEdit edit(where.tree);
    const Result<InodeRecord*> opened = detail::open_directory(edit, remove.parent);
    if (!opened) return opened.error();
    InodeRecord& parent = **opened;
    const auto entry = where.names.find(where.tree, remove.parent, remove.name);
    if (!entry) return std::errc::no_such_file_or_directory;
    InodeRecord& inode = detail::named_inode(edit, remove.parent, *entry);
    if (remove.directory && !inode.is_directory()) return std::errc::not_a_directory;
    if (!remove.directory && inode.is_directory()) return std::errc::is_a_directory;
    if (inode.is_directory() && inode.children != 0) return std::errc::directory_not_empty;

    edit.erase(dirent_key(remove.parent, entry->cookie));
    --parent.children;
    if (inode.is_directory()) --parent.links;  // its ".."
    detail::touch(parent, remove.now);
    detail::drop_name(edit, entry->record.inode, inode, remove.now, effects);

    effects.epoch = edit.apply();
    effects.touched = {remove.parent, entry->record.inode};
    return Nothing{};
}

}  // namespace demofs::fs
