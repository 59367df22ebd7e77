#include "tests/crash/random_operations.hpp"

#include <algorithm>

namespace demofs::crash_test {

using fs::root_inode;
using fs::test::Mount;

RandomOperations::Entry* RandomOperations::pick(std::uint32_t type) {
    std::vector<Entry*> found;
    for (Entry& entry : entries_) {
        if (type == 0 || entry.type == type) found.push_back(&entry);
    }
    return found.empty() ? nullptr : found[below(found.size())];
}

InodeNumber RandomOperations::any_directory() {
    const Entry* const entry = below(3) == 0 ? nullptr : pick(S_IFDIR);
    return entry != nullptr ? entry->inode : root_inode;
}

bool RandomOperations::contains(InodeNumber directory, InodeNumber inode) const {
    if (directory == inode) return true;
    return std::ranges::any_of(entries_, [&](const Entry& entry) {
        return entry.parent == directory && entry.type == S_IFDIR && contains(entry.inode, inode);
    });
}

bool RandomOperations::is_empty(InodeNumber directory) const {
    return std::ranges::none_of(entries_, [&](const Entry& entry) { return entry.parent == directory; });
}

void RandomOperations::step(Mount& mount, History& history) {
    constexpr std::size_t enough = 30;
    states_ = history.states.size();
    const std::uint64_t kind = below(100);
    const Entry* const file = pick(S_IFREG);
    if (kind < 12) {
        sync(mount, history);
    } else if (entries_.empty() || file == nullptr || (kind < 32 && entries_.size() < enough)) {
        create(mount);
    } else if (kind < 60) {
        write(mount, file->inode);
    } else if (kind < 70) {
        set_attributes(mount, *pick(0));
    } else if (kind < 80 || entries_.size() >= enough) {
        remove(mount);
    } else if (kind < 94) {
        rename(mount);
    } else {
        open_or_release(mount);
    }
    history.states.push_back(walk(mount));
}

void RandomOperations::create(Mount& mount) {
    Entry entry;
    entry.parent = any_directory();
    entry.name = fresh_name();
    const Entry* const file = pick(S_IFREG);
    if (file != nullptr && below(5) == 0) {
        entry.inode = file->inode;
        entry.type = S_IFREG;
        mount.link(file->inode, entry.parent, entry.name).value();
    } else {
        constexpr std::uint32_t types[] = {S_IFREG, S_IFREG, S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR};
        entry.type = types[below(std::size(types))];
        const std::string target = entry.type == S_IFLNK ? std::string(1 + below(300), 't') : "";
        entry.inode = mount.make(entry.parent, entry.name, entry.type | 0640, target).value().inode;
    }
    changed(entry.parent);
    changed(entry.inode);
    entries_.push_back(entry);
}

void RandomOperations::write(Mount& mount, InodeNumber file) {
    const std::uint64_t size = mount.stat(file).value().size_bytes;
    std::uint64_t offset = size;  // an append, or else an overwrite, or beyond the end
    if (below(2) == 0) offset = below(2) == 0 ? below(size + 1) : size + below(20'000);
    if (size > 60'000) offset = below(10'000);
    std::string data(1 + below(below(4) == 0 ? 12'000 : 300), static_cast<char>('a' + below(26)));
    mount.write(file, offset, data).value();
    changed(file);
}

void RandomOperations::set_attributes(Mount& mount, const Entry& entry) {
    fs::SetAttributes set;
    set.inode = entry.inode;
    set.now = mount.now();
    if (entry.type == S_IFREG && below(2) == 0) {
        set.set_size = true;
        set.size_bytes = below(3) == 0 ? 0 : below(30'000);
    } else if (entry.type != S_IFLNK && below(2) == 0) {
        set.set_mode = true;
        set.mode = static_cast<std::uint32_t>(below(0777));
    } else if (below(2) == 0) {
        set.set_uid = true;
        set.uid = static_cast<std::uint32_t>(below(100));
    } else {
        set.set_modified = true;
        set.modified = {static_cast<std::int64_t>(below(1'000'000)), 7};
    }
    mount.run(set).value();
    changed(entry.inode);
}

void RandomOperations::remove(Mount& mount) {
    Entry& entry = *pick(0);
    if (entry.type == S_IFDIR && !is_empty(entry.inode)) return;
    if (entry.type == S_IFDIR) {
        mount.rmdir(entry.parent, entry.name).value();
    } else {
        mount.unlink(entry.parent, entry.name).value();
    }
    changed(entry.parent);
    entries_.erase(entries_.begin() + (&entry - entries_.data()));
}

void RandomOperations::rename(Mount& mount) {
    Entry& from = *pick(0);
    if (below(3) == 0) {  // over, or in exchange for, something of the same kind that is no directory
        Entry* const onto = pick(from.type);
        if (from.type == S_IFDIR || onto->inode == from.inode) return;
        const bool exchange = below(2) == 0;
        mount.rename(from.parent, from.name, onto->parent, onto->name, false, exchange).value();
        changed(from.parent);
        changed(onto->parent);
        std::swap(from.inode, onto->inode);
        if (!exchange) entries_.erase(entries_.begin() + (&from - entries_.data()));
        return;
    }
    const InodeNumber to = any_directory();
    if (from.type == S_IFDIR && contains(from.inode, to)) return;
    const std::string name = fresh_name();
    mount.rename(from.parent, from.name, to, name, below(2) == 0).value();
    changed(from.parent);
    changed(to);
    from.parent = to;
    from.name = name;
}

// A file that is removed while it is open leaves an orphan.
void RandomOperations::open_or_release(Mount& mount) {
    const Entry* const file = pick(S_IFREG);
    if (open_.size() < 4) {
        open_.push_back(mount.open_file(file->inode));
    } else {
        mount.fs().release(open_.front());
        open_.erase(open_.begin());
    }
}

void RandomOperations::sync(Mount& mount, History& history) {
    const Entry* const entry = below(4) == 0 ? nullptr : pick(0);
    if (below(4) == 0) {
        mount.sync_all().value();
        history.durable = history.newest();
        return;
    }
    const InodeNumber inode = entry != nullptr ? entry->inode : root_inode;
    mount.sync(inode).value();
    // A commit holds all that was changed before it, but one is made only for what the inode has changed.
    const auto change = change_.find(inode);
    if (change != change_.end()) history.durable = std::max(history.durable, change->second);
}

}  // namespace demofs::crash_test
