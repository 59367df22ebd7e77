// Counts handles per file; a file is active until its pages are asked for, and again with the next sign.
#include "demofs/fuse/open_writers.hpp"

#include <algorithm>
#include <utility>

namespace demofs::fuse {

void OpenWriters::opened(fs::HandleId handle, InodeNumber inode) {
    handles_.emplace(handle, Handle{inode, false});
    File& file = files_[inode];
    ++file.handles;
    file.active = true;
}

void OpenWriters::flushed(fs::HandleId handle) {
    const auto found = handles_.find(handle);
    if (found != handles_.end()) found->second.flushed = true;
}

void OpenWriters::released(fs::HandleId handle) {
    const auto found = handles_.find(handle);
    if (found == handles_.end()) return;
    const auto file = files_.find(found->second.inode);
    handles_.erase(found);
    if (--file->second.handles == 0) files_.erase(file);
}

void OpenWriters::active(InodeNumber inode) {
    const auto found = files_.find(inode);
    if (found != files_.end()) found->second.active = true;
}

bool OpenWriters::allocation_changed(InodeNumber inode, std::uint64_t allocated_bytes) {
    const auto found = files_.find(inode);
    if (found == files_.end()) return true;
    const std::optional before = std::exchange(found->second.allocated_bytes, allocated_bytes);
    return before != allocated_bytes;
}

void OpenWriters::cut(InodeNumber inode) {
    const auto found = files_.find(inode);
    if (found != files_.end()) found->second.allocated_bytes.reset();
}

std::vector<InodeNumber> OpenWriters::active_files() const {
    std::vector<InodeNumber> inodes;
    for (const auto& [inode, file] : files_) {
        if (file.active) inodes.push_back(inode);
    }
    return inodes;
}

void OpenWriters::asked() {
    for (auto& [inode, file] : files_) file.active = false;
}

std::vector<InodeNumber> OpenWriters::files() const {
    std::vector<InodeNumber> inodes;
    for (const auto& [inode, file] : files_) inodes.push_back(inode);
    return inodes;
}

std::vector<InodeNumber> OpenWriters::cut_off(bool unmounted) const {
    std::vector<InodeNumber> inodes;
    for (const auto& [handle, open] : handles_) {
        // After an unmount only the news of a handle's release may be missing, which follows its flush.
        if (unmounted && open.flushed) continue;
        if (files_.at(open.inode).active) inodes.push_back(open.inode);
    }
    std::sort(inodes.begin(), inodes.end());
    inodes.erase(std::unique(inodes.begin(), inodes.end()), inodes.end());
    return inodes;
}

}  // namespace demofs::fuse
