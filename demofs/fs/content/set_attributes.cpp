// FileContents::set_attributes: chmod, chown, utimens and, the long part, truncate.
//
// A truncate costs the same for any file. Few extents are cut at once. With many, the end is cut off and the
// reclaimer frees the rest (the record says `trimming` until it has), or, for size 0, the inode gets a fresh,
// empty data id and leaves the old one to the reclaimer whole.
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "demofs/fs/content/extent_map.hpp"
#include "demofs/fs/content/file_contents.hpp"
#include "demofs/fs/model/must_wait.hpp"
#include "demofs/fs/records/keys.hpp"
#include "demofs/fs/records/orphan_record.hpp"

namespace demofs::fs {

namespace {

constexpr std::uint32_t permission_bits = 07777;

// Asks the reclaimer to free content of `data` from `from` on; what is already asked for under the same
// number stays.
void leave_to_reclaimer(TreeEdit& edit, DataId data, std::uint64_t from, InodeNumber trimmed) {
    const tree::Key key = orphan_key(raw(data));
    OrphanRecord orphan;
    if (const auto known = edit.find(key)) orphan = decode_orphan_record(*known);
    orphan.free_data = true;
    orphan.from_offset = from;
    orphan.trimmed_inode = trimmed;
    edit.put(key, encode(orphan));
}

}  // namespace

Result<Attributes> FileContents::set_attributes(const SetAttributes& operation, Effects& effects) {
    TreeEdit edit(*tree_);
    InodeRecord* found = edit.inode(operation.inode);
    if (found == nullptr) return std::errc::no_such_file_or_directory;
    InodeRecord& record = *found;
    if (operation.set_size) {
        if (record.is_directory()) return std::errc::is_a_directory;
        if (!record.is_regular()) return std::errc::invalid_argument;
        if (operation.size_bytes > max_file_bytes) return std::errc::file_too_large;
    }
    const DirtyFile* dirty = dirty_.find(operation.inode);
    if (dirty != nullptr) {
        record.modified = dirty->modified;
        record.changed = dirty->changed;
    }
    std::optional<Numbers::Lease> fresh;  // goes back if the edit cannot be applied
    if (operation.set_size) {
        resize(edit, operation.inode, record, operation.size_bytes, fresh, effects);
        record.modified = operation.now;
    }
    if (operation.set_mode) record.mode = (record.mode & S_IFMT) | (operation.mode & permission_bits);
    if (operation.set_uid) record.uid = operation.uid;
    if (operation.set_gid) record.gid = operation.gid;
    if (operation.set_accessed) record.accessed = operation.accessed;
    if (operation.set_modified) record.modified = operation.modified;
    record.changed = operation.set_changed ? operation.changed : operation.now;

    const InodeRecord result = record;
    effects.epoch = edit.apply();
    effects.touched = {operation.inode};
    if (fresh) fresh->keep();
    if (operation.set_size) {
        dirty_.discard(operation.inode);  // what is left of it went along
    } else if (dirty != nullptr) {
        dirty_.update(operation.inode, [&](DirtyFile& file) {
            file.modified = result.modified;
            file.changed = result.changed;
        });
    }
    InodeRecord seen = result;
    adjust(operation.inode, seen);
    return attributes_of(operation.inode, seen);
}

void FileContents::resize(TreeEdit& edit, InodeNumber inode, InodeRecord& record, std::uint64_t size,
                          std::optional<Numbers::Lease>& fresh, Effects& effects) {
    if (record.trimming && size > record.size_bytes)
        throw MustWait(MustWait::Reason::trim, raw(record.data_id));
    if (record.has_inline_data) {
        const tree::Key key = inline_data_key(record.data_id);
        const auto content = edit.find(key);
        if (size == 0) {
            edit.erase(key);
            record.has_inline_data = false;
            record.allocated_bytes = 0;
        } else if (content && content->size() > size) {
            edit.put(key, Bytes(content->begin(), content->begin() + static_cast<std::ptrdiff_t>(size)));
            record.allocated_bytes = size;
        }
    } else if (size < record.size_bytes && record.allocated_bytes > 0) {
        shrink_extents(edit, inode, record, size, fresh, effects);
    }
    // Buffered bytes below the new size go to the tree with it: it must not promise bytes that are not there.
    std::vector<PendingBlock> blocks;
    if (const DirtyFile* dirty = dirty_.find(inode)) {
        for (const auto& [offset, bytes] : dirty->stretches()) {
            if (offset >= size) break;
            PendingBlock block;
            block.offset = offset;
            block.parts[0] = ByteSpan(bytes).first(
                static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), size - offset)));
            blocks.push_back(block);
        }
    }
    if (blocks.empty()) {
        record.size_bytes = size;
    } else {
        store(edit, record, std::move(blocks), size);
    }
}

void FileContents::shrink_extents(TreeEdit& edit, InodeNumber inode, InodeRecord& record, std::uint64_t size,
                                  std::optional<Numbers::Lease>& fresh, Effects& effects) {
    ExtentMap extents(edit, record.data_id);
    const std::size_t count = extents.count_from(size, extents_cut_at_once + 1);
    if (size == 0 && (record.trimming || count > extents_cut_on_clearing)) {
        fresh.emplace(*numbers_);
        leave_to_reclaimer(edit, record.data_id, 0, InodeNumber{});
        effects.orphaned = record.data_id;
        record.data_id = DataId{fresh->number()};
        record.allocated_bytes = 0;
        record.trimming = false;
    } else if (count > extents_cut_at_once) {
        record.allocated_bytes -= extents.cut_extent_at(size);
        leave_to_reclaimer(edit, record.data_id, size, inode);
        effects.orphaned = record.data_id;
        record.trimming = true;
    } else {
        record.allocated_bytes -= extents.cut(size, max_key);
    }
}

}  // namespace demofs::fs
