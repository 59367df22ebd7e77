// Create and Link: operations that add a name.
#include <sys/stat.h>

#include <limits>
#include <utility>

#include "demofs/fs/namespace/change.hpp"
#include "demofs/fs/namespace/checks.hpp"
#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

namespace {

constexpr std::uint32_t permission_bits = 07777;

InodeRecord new_inode(const Create& create, InodeNumber number, const InodeRecord& parent) {
    InodeRecord inode;
    inode.mode = create.mode & (S_IFMT | permission_bits);
    if ((inode.mode & S_IFMT) == 0) inode.mode |= S_IFREG;  // as mknod(2)
    if (inode.is_symlink()) inode.mode = S_IFLNK | 0777;
    inode.uid = create.uid;
    inode.gid = create.gid;
    if ((parent.mode & S_ISGID) != 0) {
        inode.gid = parent.gid;
        if (inode.is_directory()) inode.mode |= S_ISGID;
    }
    inode.links = inode.is_directory() ? 2 : 1;
    if (S_ISCHR(inode.mode) || S_ISBLK(inode.mode)) inode.device = create.device;
    // A fresh number serves for both: inode, inline data and extents lie side by side in the tree.
    inode.data_id = DataId{raw(number)};
    if (inode.is_directory()) inode.parent = create.parent;
    inode.accessed = inode.modified = inode.changed = inode.created = create.now;
    return inode;
}

Result<std::uint64_t> place_name(const Namespace& where, InodeNumber directory, std::string_view name) {
    if (where.names.find(where.tree, directory, name)) return std::errc::file_exists;
    const auto cookie = where.names.free_cookie(where.tree, directory, name);
    if (!cookie) return std::errc::no_space_on_device;  // 128 names with one hash: no room for another
    return *cookie;
}

}  // namespace

Result<Attributes> apply(const Namespace& where, const Create& create, InodeNumber number, Effects& effects) {
    if (const auto bad = detail::reject_name(create.name, std::errc::file_exists)) return *bad;
    TreeEdit edit(where.tree);
    const Result<InodeRecord*> opened = detail::open_directory(edit, create.parent);
    if (!opened) return opened.error();
    InodeRecord& parent = **opened;
    const Result<std::uint64_t> cookie = place_name(where, create.parent, create.name);
    if (!cookie) return cookie.error();

    InodeRecord& inode = edit.add_inode(number, new_inode(create, number, parent));
    if (inode.is_symlink()) {
        if (create.target.empty()) return std::errc::no_such_file_or_directory;
        if (create.target.size() > max_symlink_bytes) return std::errc::filename_too_long;
        const ByteSpan target = as_bytes(create.target);
        inode.size_bytes = inode.allocated_bytes = target.size();
        inode.has_inline_data = true;
        edit.put(inline_data_key(inode.data_id), Bytes(target.begin(), target.end()));
    }
    edit.put(dirent_key(create.parent, *cookie),
             encode(DirentRecord{number, inode.mode & S_IFMT, create.name}));
    ++parent.children;
    if (inode.is_directory()) ++parent.links;
    detail::touch(parent, create.now);

    const Attributes reply = attributes_of(number, inode);
    effects.epoch = edit.apply();
    effects.touched = {create.parent, number};
    return reply;
}

Result<Attributes> apply(const Namespace& where, const Link& link, Effects& effects) {
    if (const auto bad = detail::reject_name(link.name, std::errc::file_exists)) return *bad;
    TreeEdit edit(where.tree);
    InodeRecord* inode = edit.inode(link.inode);
    if (inode == nullptr || inode->links == 0) return std::errc::no_such_file_or_directory;
    if (inode->is_directory()) return std::errc::operation_not_permitted;
    if (inode->links >= max_links) return std::errc::too_many_links;
    const Result<InodeRecord*> opened = detail::open_directory(edit, link.parent);
    if (!opened) return opened.error();
    const Result<std::uint64_t> cookie = place_name(where, link.parent, link.name);
    if (!cookie) return cookie.error();

    edit.put(dirent_key(link.parent, *cookie),
             encode(DirentRecord{link.inode, inode->mode & S_IFMT, link.name}));
    ++inode->links;
    inode->changed = link.now;
    ++(*opened)->children;
    detail::touch(**opened, link.now);

    const Attributes reply = attributes_of(link.inode, *inode);
    effects.epoch = edit.apply();
    effects.touched = {link.parent, link.inode};
    return reply;
}

}  // namespace demofs::fs
