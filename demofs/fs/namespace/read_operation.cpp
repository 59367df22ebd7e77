// Lookup, GetAttributes, ReadLink and ReadDirectory. An entry without its inode is damage, never ENOENT.
#include "demofs/fs/namespace/read_operation.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

namespace {

constexpr std::uint64_t last_cookie = (std::uint64_t{1} << 63) - 1;

Attributes adjusted(InodeNumber number, InodeRecord record, const AdjustRecord& adjust) {
    adjust(number, record);
    return attributes_of(number, record);
}

Result<InodeRecord> read_directory_record(tree::Tree& tree, InodeNumber number) {
    std::optional<InodeRecord> record = read_inode(tree, number);
    if (!record) return std::errc::no_such_file_or_directory;
    if (!record->is_directory()) return std::errc::not_a_directory;
    if (record->links == 0) return std::errc::no_such_file_or_directory;  // removed, and its parent maybe too
    return *record;
}

}  // namespace

std::optional<InodeRecord> read_inode(tree::Tree& tree, InodeNumber inode) {
    const auto value = tree.find(inode_key(inode));
    if (!value) return std::nullopt;
    return decode_inode_record(*value);
}

Result<Attributes> answer(const Namespace& where, const Lookup& lookup, const AdjustRecord& adjust) {
    const Result<InodeRecord> directory = read_directory_record(where.tree, lookup.parent);
    if (!directory) return directory.error();
    InodeNumber number{};
    if (lookup.name == ".") {
        number = lookup.parent;
    } else if (lookup.name == "..") {
        number = directory->parent;
    } else {
        if (lookup.name.size() > max_name_bytes) return std::errc::filename_too_long;
        const auto entry = where.names.find(where.tree, lookup.parent, lookup.name);
        if (!entry) return std::errc::no_such_file_or_directory;
        number = entry->record.inode;
    }
    std::optional<InodeRecord> record = read_inode(where.tree, number);
    if (!record)
        throw Error(Errc::corrupt, "An entry of directory " + std::to_string(raw(lookup.parent)) +
                                       " names inode " + std::to_string(raw(number)) +
                                       ", which does not exist.");
    return adjusted(number, *record, adjust);
}

Result<Attributes> answer(const Namespace& where, const GetAttributes& get, const AdjustRecord& adjust) {
    const std::optional<InodeRecord> record = read_inode(where.tree, get.inode);
    if (!record) return std::errc::no_such_file_or_directory;
    return adjusted(get.inode, *record, adjust);
}

Result<std::string> answer(const Namespace& where, const ReadLink& link, const AdjustRecord&) {
    const std::optional<InodeRecord> record = read_inode(where.tree, link.inode);
    if (!record) return std::errc::no_such_file_or_directory;
    if (!record->is_symlink()) return std::errc::invalid_argument;
    const auto target = where.tree.find(inline_data_key(record->data_id));
    if (!target)
        throw Error(Errc::corrupt,
                    "Symbolic link " + std::to_string(raw(link.inode)) + " has lost its target.");
    return std::string(as_text(*target));
}

Result<std::vector<DirectoryEntry>> answer(const Namespace& where, const ReadDirectory& list,
                                           const AdjustRecord& adjust) {
    const Result<InodeRecord> directory = read_directory_record(where.tree, list.directory);
    if (!directory) return directory.error();
    std::vector<DirectoryEntry> entries;
    entries.reserve(std::min<std::size_t>(list.limit, directory->children + 2));
    const auto add = [&](std::string name, InodeNumber inode, std::uint32_t type, std::uint64_t cookie) {
        entries.push_back(DirectoryEntry{std::move(name), inode, type, cookie, {}});
    };
    if (list.after < dot_cookie && entries.size() < list.limit) add(".", list.directory, S_IFDIR, dot_cookie);
    if (list.after < dot_dot_cookie && entries.size() < list.limit)
        add("..", directory->parent, S_IFDIR, dot_dot_cookie);
    if (entries.size() < list.limit && list.after < last_cookie) {
        where.tree.scan(dirent_key(list.directory, std::max(list.after, dot_dot_cookie) + 1),
                        dirent_key(list.directory, last_cookie), [&](const tree::Key& key, ByteSpan value) {
                            DirentRecord record = decode_dirent_record(value);
                            add(std::move(record.name), record.inode, record.type, key.key);
                            return entries.size() < list.limit;
                        });
    }
    if (list.with_attributes) {
        for (DirectoryEntry& entry : entries) {
            const std::optional<InodeRecord> record = read_inode(where.tree, entry.inode);
            if (!record)
                throw Error(Errc::corrupt, "Directory " + std::to_string(raw(list.directory)) +
                                               " names inode " + std::to_string(raw(entry.inode)) +
                                               ", which does not exist.");
            entry.attributes = adjusted(entry.inode, *record, adjust);
        }
    }
    return entries;
}

}  // namespace demofs::fs
