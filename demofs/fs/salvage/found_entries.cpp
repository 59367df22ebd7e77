// Flat vectors, sorted once.
#include "demofs/fs/salvage/found_entries.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/records/dirent_record.hpp"

namespace demofs::fs {

void FoundEntries::add(const tree::Key& key, ByteSpan value, const block::BlockAddress& leaf,
                       Generation as_of) {
    try {
        decode(key, value, leaf, as_of);
    } catch (const Error&) {
        ++undecodable_;
    }
}

void FoundEntries::decode(const tree::Key& key, ByteSpan value, const block::BlockAddress& leaf,
                          Generation as_of) {
    switch (key.kind) {
        case tree::Kind::inode: {
            const InodeRecord record = decode_inode_record(value);
            if (!record.is_directory()) owners_[raw(record.data_id)] = key.object;
            inodes_[key.object] = {record, as_of};
            break;
        }
        case tree::Kind::dirent: {
            DirentRecord record = decode_dirent_record(value);
            names_.push_back({key.object, key.key, raw(record.inode), record.type, std::move(record.name)});
            break;
        }
        case tree::Kind::inline_data:
            inlines_[key.object] = {leaf, static_cast<std::uint32_t>(value.size()), as_of};
            break;
        case tree::Kind::extent: {
            const ExtentRecord run = decode_extent_record(value);
            extents_.push_back({key.object, key.key, run, as_of});
            break;
        }
        case tree::Kind::orphan:
            orphans_[key.key] = decode_orphan_record(value);
            break;
        case tree::Kind::xattr:
        case tree::Kind::segment_usage:
            break;  // nothing of a file
    }
}

void FoundEntries::sort() {
    std::ranges::sort(names_, {}, [](const Name& name) { return std::tie(name.directory, name.cookie); });
    std::ranges::sort(extents_, {},
                      [](const Extent& extent) { return std::tie(extent.data, extent.offset); });
}

const FoundEntries::Inode* FoundEntries::inode(std::uint64_t number) const {
    const auto found = inodes_.find(number);
    return found == inodes_.end() ? nullptr : &found->second;
}

std::span<const FoundEntries::Name> FoundEntries::names_in(std::uint64_t directory) const {
    return std::ranges::equal_range(names_, directory, {}, &Name::directory);
}

std::span<const FoundEntries::Extent> FoundEntries::extents_of(std::uint64_t data) const {
    return std::ranges::equal_range(extents_, data, {}, &Extent::data);
}

const FoundEntries::Inline* FoundEntries::inline_of(std::uint64_t data) const {
    const auto found = inlines_.find(data);
    return found == inlines_.end() ? nullptr : &found->second;
}

std::vector<std::uint64_t> FoundEntries::contents() const {
    std::vector<std::uint64_t> ids;
    for (const auto& [data, content] : inlines_) ids.push_back(data);
    for (const Extent& extent : extents_) {
        if (ids.empty() || ids.back() != extent.data) ids.push_back(extent.data);
    }
    std::ranges::sort(ids);
    const auto rest = std::ranges::unique(ids);
    ids.erase(rest.begin(), rest.end());
    return ids;
}

std::uint64_t FoundEntries::owner_of(std::uint64_t data) const {
    const auto owner = owners_.find(data);
    return owner == owners_.end() ? 0 : owner->second;
}

bool FoundEntries::is_given_up(std::uint64_t data) const {
    const auto orphan = orphans_.find(data);
    return orphan != orphans_.end() && orphan->second.free_data && orphan->second.from_offset == 0;
}

}  // namespace demofs::fs
