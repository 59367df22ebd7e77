// The rules, one function for each kind of thing they are about.
#include "demofs/fs/check/entry_rules.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/records/keys.hpp"
#include "demofs/tree/node.hpp"

namespace demofs::fs {

void EntryRules::wrong(std::string what, std::string path) {
    findings_.push_back({std::move(what), std::move(path)});
}

void EntryRules::wrong_about(std::string what, std::uint64_t inode) {
    wrong(std::move(what), path_of(inode));
}

// --- collecting ----------------------------------------------------------------------------------

void EntryRules::add(const tree::Key& key, ByteSpan value) {
    try {
        decode(key, value);
    } catch (const Error& error) {
        wrong("an entry of object " + std::to_string(key.object) + " cannot be decoded: " + error.what());
        lose(key, {key.object, key.kind, key.key + 1});
    }
}

void EntryRules::decode(const tree::Key& key, ByteSpan value) {
    switch (key.kind) {
        case tree::Kind::inode: {
            const InodeRecord& inode = inodes_[key.object] = decode_inode_record(value);
            if (!inode.is_directory()) owners_[raw(inode.data_id)] = key.object;
            break;
        }
        case tree::Kind::dirent: {
            DirentRecord entry = decode_dirent_record(value);
            first_name_.try_emplace(raw(entry.inode), names_.size());
            names_.push_back({key.object, std::move(entry)});
            break;
        }
        case tree::Kind::inline_data:
            contents_[key.object].has_inline = true;
            contents_[key.object].inline_bytes = value.size();
            break;
        case tree::Kind::extent:
            contents_[key.object].extents[key.key] = decode_extent_record(value);
            break;
        case tree::Kind::orphan:
            orphans_[key.key] = decode_orphan_record(value);
            break;
        case tree::Kind::segment_usage:
            break;  // about the tree, not in it
        case tree::Kind::xattr:
        default:
            wrong("there is an entry of kind " + std::to_string(static_cast<int>(key.kind)) + " of object " +
                  std::to_string(key.object) + ", which nothing writes");
    }
}

std::uint64_t EntryRules::owner_of(std::uint64_t data) const {
    const auto owner = owners_.find(data);
    return owner == owners_.end() ? 0 : owner->second;
}

std::string EntryRules::path_of(std::uint64_t inode) const {
    std::string path;
    // No deeper than there are names: a damaged tree may have a loop.
    for (std::size_t steps = 0; steps <= names_.size(); ++steps) {
        if (inode == raw(root_inode)) return path.empty() ? "/" : path;
        const auto name = first_name_.find(inode);
        if (name == first_name_.end()) break;
        path = "/" + names_[name->second].entry.name + path;
        inode = names_[name->second].directory;
    }
    return "inode " + std::to_string(inode) + path;
}

bool EntryRules::lost(const tree::Key& from, const tree::Key& to) const {
    return std::ranges::any_of(lost_, [&](const Range& range) {
        return !tree::key_less(to, range.from) && tree::key_less(from, range.to);
    });
}

bool EntryRules::lost_content(const InodeRecord& inode) const {
    return lost(inline_data_key(inode.data_id), extent_key(inode.data_id, max_key));
}

// --- rules ---------------------------------------------------------------------------------------

std::vector<Finding> EntryRules::finish() {
    const tree::Key root = inode_key(root_inode);
    if (!inodes_.contains(raw(root_inode)) && !lost(root, root)) wrong("there is no root directory");
    count_names();
    for (const auto& [number, inode] : inodes_) check_inode(number, inode);
    check_orphans();
    return std::move(findings_);
}

void EntryRules::count_names() {
    std::set<std::string> in_directory;
    std::uint64_t directory = 0;
    for (const auto& [parent, entry] : names_) {
        if (parent != directory) in_directory.clear();
        directory = parent;
        const auto say = [&](const char* what) {
            const std::string above = path_of(parent);
            wrong(what, (above == "/" ? "" : above) + "/" + entry.name);
        };
        if (!in_directory.insert(entry.name).second) say("the name is there twice");
        ++children_[parent];
        ++name_count_[raw(entry.inode)];
        const auto above = inodes_.find(parent);
        const tree::Key above_key = inode_key(InodeNumber{parent});
        const bool no_directory =
            above == inodes_.end() ? !lost(above_key, above_key) : !above->second.is_directory();
        if (no_directory) say("what the name is in is no directory");
        const auto named = inodes_.find(raw(entry.inode));
        if (named == inodes_.end()) {
            const tree::Key key = inode_key(entry.inode);
            say(lost(key, key) ? "its attributes cannot be read" : "the name leads to nothing");
            continue;
        }
        if ((named->second.mode & S_IFMT) != entry.type) say("the name says another type than the inode");
        if (!named->second.is_directory()) continue;
        ++subdirectories_[parent];
        if (raw(named->second.parent) != parent) say("the directory believes to be in another one");
    }
}

void EntryRules::check_inode(std::uint64_t number, const InodeRecord& inode) {
    const std::uint64_t names = name_count_[number];
    const bool names_known = lost_.empty();  // any lost place may have held one
    if (number == raw(root_inode)) {
        if (names != 0) wrong("the root directory has a name");
    } else if (inode.is_directory()) {
        if (names > 1) wrong_about("the directory has several names", number);
        if (names_known && (names == 0) != (inode.links == 0))
            wrong_about("the directory's link count is wrong", number);
    } else if (names > inode.links || (names_known && names != inode.links)) {
        wrong_about("it has " + std::to_string(names) + " names and counts " + std::to_string(inode.links),
                    number);
    }
    const auto orphan = orphans_.find(number);
    if (inode.links == 0 && (orphan == orphans_.end() || !orphan->second.free_inode) &&
        !lost(orphan_key(number), orphan_key(number)))
        wrong_about("it has no name, and nobody is to free it", number);
    if (inode.is_directory()) {
        check_directory(number, inode);
    } else {
        check_content(number, inode);
    }
}

void EntryRules::check_directory(std::uint64_t number, const InodeRecord& inode) {
    const InodeNumber self{number};
    if (lost(dirent_key(self, 0), dirent_key(self, max_key))) {
        wrong_about("some of the directory's names cannot be read", number);
        return;
    }
    if (children_[number] != inode.children) {
        wrong_about("the directory has " + std::to_string(children_[number]) + " names and counts " +
                        std::to_string(inode.children),
                    number);
    }
    if (lost_.empty() && inode.links != 0 && inode.links != 2 + subdirectories_[number])
        wrong_about("the directory's link count is wrong", number);
}

void EntryRules::check_content(std::uint64_t number, const InodeRecord& inode) {
    if (lost_content(inode)) {
        wrong_about("part of its content cannot be found", number);
        return;
    }
    const Content& content = contents_[raw(inode.data_id)];
    if (content.has_inline != inode.has_inline_data) wrong_about("it is wrong about its inline data", number);
    if (content.has_inline && !content.extents.empty())
        wrong_about("it has both inline data and extents", number);
    if (content.has_inline && content.inline_bytes > inode.size_bytes)
        wrong_about("it has too much inline data", number);
    std::uint64_t bytes = content.inline_bytes;
    std::uint64_t end = 0;
    for (const auto& [offset, extent] : content.extents) {
        if (offset < end)
            wrong_about("it has overlapping extents at offset " + std::to_string(offset), number);
        end = offset + extent.length_bytes;
        bytes += extent.length_bytes;
        if (extent.birth > newest_) {
            wrong_about("what it has at offset " + std::to_string(offset) + " is younger than the commit",
                        number);
        }
    }
    if (end > inode.size_bytes && !inode.trimming) wrong_about("it has extents behind its end", number);
    if (bytes != inode.allocated_bytes) {
        wrong_about("it claims " + std::to_string(inode.allocated_bytes) + " bytes of content and has " +
                        std::to_string(bytes),
                    number);
    }
    if (!inode.trimming) return;
    const std::uint64_t data = raw(inode.data_id);
    const auto orphan = orphans_.find(data);
    if ((orphan == orphans_.end() || !orphan->second.free_data) && !lost(orphan_key(data), orphan_key(data)))
        wrong_about("it waits for a trim that nobody does", number);
}

void EntryRules::check_orphans() {
    for (const auto& [number, orphan] : orphans_) {
        const tree::Key key = inode_key(InodeNumber{number});
        if (orphan.free_inode && !inodes_.contains(number) && !lost(key, key))
            wrong("inode " + std::to_string(number) + " is to be freed, and is not there");
    }
    if (!lost_.empty()) return;  // the owner may be there
    for (const auto& [data, content] : contents_) {
        const bool empty = !content.has_inline && content.extents.empty();
        if (!empty && !owners_.contains(data) && !orphans_.contains(data))
            wrong("the content with data id " + std::to_string(data) + " belongs to no file");
    }
}

}  // namespace demofs::fs
