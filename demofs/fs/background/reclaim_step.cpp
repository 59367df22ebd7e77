// What an orphan record asks for, and how it shrinks: first content (from_offset on, or all), a bounded
// number of extents in each step; then the inode itself. The record goes with the change that does the last
// of it, so that a crash between two steps leaves a record that still tells the truth.
#include "demofs/fs/background/reclaim_step.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "demofs/fs/edit/tree_edit.hpp"
#include "demofs/fs/records/extent_record.hpp"
#include "demofs/fs/records/keys.hpp"
#include "demofs/fs/records/orphan_record.hpp"

namespace demofs::fs {

namespace {

struct Freed {
    std::uint64_t bytes = 0;
    bool all = false;
};

// Erases extents of `data` that begin at or behind `from`, a bounded number.
Freed free_extents(TreeEdit& edit, DataId data, std::uint64_t from) {
    std::vector<std::pair<std::uint64_t, ExtentRecord>> extents;
    Freed freed;
    freed.all = true;
    edit.tree().scan(extent_key(data, from), extent_key(data, max_key),
                     [&](const tree::Key& key, ByteSpan value) {
                         if (extents.size() == extents_per_reclaim_step) {
                             freed.all = false;
                             return false;
                         }
                         extents.emplace_back(key.key, decode_extent_record(value));
                         return true;
                     });
    for (const auto& [offset, extent] : extents) {
        edit.erase(extent_key(data, offset));
        edit.use(extent.segment, -static_cast<std::int64_t>(extent.length_bytes));
        freed.bytes += extent.length_bytes;
    }
    return freed;
}

void free_inline(TreeEdit& edit, DataId data) {
    if (edit.find(inline_data_key(data))) edit.erase(inline_data_key(data));
}

void put_or_erase(TreeEdit& edit, std::uint64_t number, const OrphanRecord& orphan) {
    if (orphan.empty()) {
        edit.erase(orphan_key(number));
    } else {
        edit.put(orphan_key(number), encode(orphan));
    }
}

Reclaimed free_data(TreeEdit& edit, std::uint64_t number, OrphanRecord orphan, bool in_use) {
    const DataId data{number};
    const Freed freed = free_extents(edit, data, orphan.from_offset);
    // A truncated file goes on using the data id below from_offset; its record counts what is freed.
    if (orphan.trimmed_inode != InodeNumber{}) {
        InodeRecord* inode = edit.inode(orphan.trimmed_inode);
        if (inode != nullptr && inode->data_id == data) {
            inode->allocated_bytes -= std::min(inode->allocated_bytes, freed.bytes);
            if (freed.all) inode->trimming = false;
        }
    } else if (freed.all && orphan.from_offset == 0) {
        free_inline(edit, data);
    }
    // The record may also ask for the inode: that is another step's, once nobody uses it.
    const bool goes_on = !freed.all || (orphan.free_inode && !in_use);
    if (freed.all) {
        orphan.free_data = false;
        orphan.from_offset = 0;
        orphan.trimmed_inode = InodeNumber{};
        put_or_erase(edit, number, orphan);
    }
    edit.apply();
    return goes_on ? Reclaimed::partly : Reclaimed::all;
}

Reclaimed free_inode(TreeEdit& edit, std::uint64_t number) {
    const InodeNumber inode_number{number};
    InodeRecord* inode = edit.inode(inode_number);
    bool all = true;
    if (inode != nullptr) {
        const DataId data = inode->data_id;
        const Freed freed = free_extents(edit, data, 0);
        inode->allocated_bytes -= std::min(inode->allocated_bytes, freed.bytes);
        all = freed.all;
        if (all) {
            free_inline(edit, data);
            // A trim of a later data id has nothing left to do.
            if (raw(data) != number && edit.find(orphan_key(raw(data)))) edit.erase(orphan_key(raw(data)));
            edit.erase_inode(inode_number);
        }
    }
    if (all) edit.erase(orphan_key(number));
    edit.apply();
    return all ? Reclaimed::all : Reclaimed::partly;
}

}  // namespace

Reclaimed reclaim_step(tree::Tree& tree, std::uint64_t number, bool in_use) {
    TreeEdit edit(tree);
    const auto value = edit.find(orphan_key(number));
    if (!value) return Reclaimed::all;
    const OrphanRecord orphan = decode_orphan_record(*value);
    if (orphan.free_data) return free_data(edit, number, orphan, in_use);
    if (in_use) return Reclaimed::all;
    return free_inode(edit, number);
}

boost::asio::awaitable<void> reclaim_data(tree::Tree& tree, std::uint64_t number) {
    const auto one_step = [&tree, number] { return reclaim_step(tree, number, true); };
    for (;;) {
        const Reclaimed result = co_await tree.retry(one_step);
        if (result == Reclaimed::all) co_return;
        co_await tree.throttle();
    }
}

}  // namespace demofs::fs
