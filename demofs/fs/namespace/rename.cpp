// Rename: rename(2) and renameat2(2) with NOREPLACE and EXCHANGE.
//
// All of a rename is one change of the tree: a crash shows the names before or after it.
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/namespace/change.hpp"
#include "demofs/fs/namespace/checks.hpp"
#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

namespace {

// Whether `directory` is `ancestor` or lies somewhere below it.
bool lies_within(TreeEdit& edit, InodeNumber directory, InodeNumber ancestor) {
    for (InodeNumber at = directory;;) {
        if (at == ancestor) return true;
        if (at == root_inode) return false;
        const InodeRecord* record = edit.inode(at);
        if (record == nullptr)
            throw Error(Errc::corrupt, "Directory " + std::to_string(raw(at)) +
                                           " is the parent of directory " + std::to_string(raw(directory)) +
                                           " but does not exist.");
        at = record->parent;
    }
}

struct Move {
    InodeNumber from{};
    InodeNumber to{};
    InodeRecord& from_directory;
    InodeRecord& to_directory;
};

// A directory that changes its parent takes its ".." along.
void reparent(InodeRecord& inode, const Move& move) {
    if (!inode.is_directory() || move.from == move.to) return;
    --move.from_directory.links;
    ++move.to_directory.links;
    inode.parent = move.to;
}

// Why `source` may not take the place of `target`.
std::optional<std::errc> reject_replacement(const InodeRecord& source, const InodeRecord& target) {
    if (target.is_directory() && !source.is_directory()) return std::errc::is_a_directory;
    if (!target.is_directory() && source.is_directory()) return std::errc::not_a_directory;
    if (target.is_directory() && target.children != 0) return std::errc::directory_not_empty;
    return std::nullopt;
}

}  // namespace

Result<Nothing> apply(const Namespace& where, const Rename& rename, Effects& effects) {
    if (const auto bad = detail::reject_name(rename.old_name, std::errc::invalid_argument)) return *bad;
    if (const auto bad = detail::reject_name(rename.new_name, std::errc::invalid_argument)) return *bad;
    if (rename.no_replace && rename.exchange) return std::errc::invalid_argument;
    TreeEdit edit(where.tree);
    const Result<InodeRecord*> old_opened = detail::open_directory(edit, rename.old_parent);
    if (!old_opened) return old_opened.error();
    const Result<InodeRecord*> new_opened = detail::open_directory(edit, rename.new_parent);
    if (!new_opened) return new_opened.error();
    const Move move{rename.old_parent, rename.new_parent, **old_opened, **new_opened};
    const Move back{rename.new_parent, rename.old_parent, **new_opened, **old_opened};

    const auto source = where.names.find(where.tree, rename.old_parent, rename.old_name);
    if (!source) return std::errc::no_such_file_or_directory;
    const auto target = where.names.find(where.tree, rename.new_parent, rename.new_name);
    if (rename.exchange && !target) return std::errc::no_such_file_or_directory;
    if (rename.no_replace && target) return std::errc::file_exists;
    const InodeNumber moved_number = source->record.inode;
    InodeRecord& moved = detail::named_inode(edit, rename.old_parent, *source);
    if (moved.is_directory() && lies_within(edit, rename.new_parent, moved_number))
        return std::errc::invalid_argument;
    effects.touched = {rename.old_parent, rename.new_parent, moved_number};
    if (target && target->record.inode == moved_number) {  // two names of one inode: POSIX wants nothing done
        effects.touched.clear();
        effects.epoch = where.tree.durable_epoch();
        return Nothing{};
    }

    if (rename.exchange) {
        InodeRecord& other = detail::named_inode(edit, rename.new_parent, *target);
        if (other.is_directory() && lies_within(edit, rename.old_parent, target->record.inode))
            return std::errc::invalid_argument;
        edit.put(dirent_key(rename.old_parent, source->cookie),
                 encode(DirentRecord{target->record.inode, target->record.type, rename.old_name}));
        edit.put(dirent_key(rename.new_parent, target->cookie),
                 encode(DirentRecord{moved_number, source->record.type, rename.new_name}));
        reparent(moved, move);
        reparent(other, back);
        other.changed = rename.now;
        effects.touched.push_back(target->record.inode);
    } else {
        std::uint64_t cookie = 0;
        if (target) {
            InodeRecord& replaced = detail::named_inode(edit, rename.new_parent, *target);
            if (const auto refused = reject_replacement(moved, replaced)) return *refused;
            cookie = target->cookie;
            if (replaced.is_directory()) --move.to_directory.links;
            detail::unlink_name(edit, target->record.inode, replaced, rename.now, effects);
            effects.touched.push_back(target->record.inode);
        } else {
            const auto free = where.names.free_cookie(where.tree, rename.new_parent, rename.new_name);
            if (!free) return std::errc::no_space_on_device;
            cookie = *free;
            ++move.to_directory.children;
        }
        edit.erase(dirent_key(rename.old_parent, source->cookie));
        --move.from_directory.children;
        edit.put(dirent_key(rename.new_parent, cookie),
                 encode(DirentRecord{moved_number, source->record.type, rename.new_name}));
        reparent(moved, move);
    }
    moved.changed = rename.now;
    detail::touch(move.from_directory, rename.now);
    detail::touch(move.to_directory, rename.now);
    effects.epoch = edit.apply();
    return Nothing{};
}

}  // namespace demofs::fs
