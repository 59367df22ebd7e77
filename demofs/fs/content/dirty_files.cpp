// A file is dirty from its first stretch to its last; `order` says since when, in a map beside the table, so
// that the oldest is found at once. Table and map change together or not at all.
#include "demofs/fs/content/dirty_files.hpp"

namespace demofs::fs {

const DirtyFile* DirtyFiles::find(InodeNumber inode) const {
    const auto found = files_.find(inode);
    return found == files_.end() ? nullptr : &found->second.file;
}

DirtyFiles::Entry& DirtyFiles::open(InodeNumber inode) {
    const auto found = files_.find(inode);
    if (found != files_.end()) return found->second;
    const auto aged = by_age_.emplace_hint(by_age_.end(), next_order_, inode);
    try {
        Entry& entry = files_.emplace(inode, Entry{DirtyFile(chunk_bytes_), next_order_}).first->second;
        ++next_order_;
        return entry;
    } catch (...) {
        by_age_.erase(aged);
        throw;
    }
}

void DirtyFiles::settle(InodeNumber inode, Entry& entry, std::uint64_t bytes_before) {
    bytes_ += entry.file.bytes() - bytes_before;
    if (!entry.file.empty()) return;
    by_age_.erase(entry.order);
    files_.erase(inode);
}

void DirtyFiles::discard(InodeNumber inode) {
    const auto found = files_.find(inode);
    if (found == files_.end()) return;
    bytes_ -= found->second.file.bytes();
    by_age_.erase(found->second.order);
    files_.erase(found);
}

void DirtyFiles::postpone(InodeNumber inode) {
    const auto found = files_.find(inode);
    if (found == files_.end()) return;
    by_age_.emplace_hint(by_age_.end(), next_order_, inode);
    by_age_.erase(found->second.order);
    found->second.order = next_order_++;
}

std::optional<InodeNumber> DirtyFiles::oldest() const {
    if (by_age_.empty()) return std::nullopt;
    return by_age_.begin()->second;
}

std::vector<InodeNumber> DirtyFiles::all() const {
    std::vector<InodeNumber> inodes;
    inodes.reserve(by_age_.size());
    for (const auto& [order, inode] : by_age_) inodes.push_back(inode);
    return inodes;
}

}  // namespace demofs::fs
