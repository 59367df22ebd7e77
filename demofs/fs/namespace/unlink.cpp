// Unlink: unlink(2) and rmdir(2).
//
// The name goes at once; an inode that loses its last one becomes an orphan, which the reclaimer frees when
// nobody has it open any more.
#include "demofs/fs/namespace/change.hpp"
#include "demofs/fs/namespace/checks.hpp"
#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

Result<Nothing> apply(const Namespace& where, const Unlink& unlink, Effects& effects) {
    if (const auto bad = detail::reject_name(unlink.name, std::errc::invalid_argument)) return *bad;
    const bool of_directory = unlink.of == Unlink::Of::directory;
    TreeEdit edit(where.tree);
    const Result<InodeRecord*> opened = detail::open_directory(edit, unlink.parent);
    if (!opened) return opened.error();
    InodeRecord& parent = **opened;
    const auto entry = where.names.find(where.tree, unlink.parent, unlink.name);
    if (!entry) return std::errc::no_such_file_or_directory;
    InodeRecord& inode = detail::named_inode(edit, unlink.parent, *entry);
    if (of_directory && !inode.is_directory()) return std::errc::not_a_directory;
    if (!of_directory && inode.is_directory()) return std::errc::is_a_directory;
    if (inode.is_directory() && inode.children != 0) return std::errc::directory_not_empty;

    edit.erase(dirent_key(unlink.parent, entry->cookie));
    --parent.children;
    if (inode.is_directory()) --parent.links;  // its ".."
    detail::touch(parent, unlink.now);
    detail::unlink_name(edit, entry->record.inode, inode, unlink.now, effects);

    effects.epoch = edit.apply();
    effects.touched = {unlink.parent, entry->record.inode};
    return Nothing{};
}

}  // namespace demofs::fs
