// Where a file's bytes go: into the buffer, into its inode's inline entry, or into blocks of the log.
//
// Each attempt has the same shape. Read through a TreeEdit and decide; nothing has happened yet, and a
// missing node ends the attempt here. Then append blocks to the log, which cannot be taken back:
// ExtentMap::prepare has made sure that nothing after it can fault. Then apply the edit, and last change the
// buffer.
#include "demofs/fs/content/file_contents.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/content/extent_map.hpp"
#include "demofs/fs/content/write_plan.hpp"
#include "demofs/fs/model/must_wait.hpp"
#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

namespace {

std::optional<std::errc> reject_as_file(const InodeRecord* record) {
    if (record == nullptr) return std::errc::no_such_file_or_directory;
    if (record->is_directory()) return std::errc::is_a_directory;
    if (!record->is_regular()) return std::errc::invalid_argument;
    return std::nullopt;
}

// Extents beyond the end are still being freed: nothing may be put there before that is done.
void require_trimmed(const InodeRecord& record, std::uint64_t new_size) {
    if (record.trimming && new_size > record.size_bytes)
        throw MustWait(MustWait::Reason::trim, raw(record.data_id));
}

Bytes inline_content(TreeEdit& edit, const InodeRecord& record) {
    if (!record.has_inline_data) return {};
    const auto content = edit.find(inline_data_key(record.data_id));
    if (!content)
        throw Error(Errc::corrupt,
                    "The inline content of data " + std::to_string(raw(record.data_id)) + " is missing.");
    return Bytes(content->begin(), content->end());
}

// Adds to `blocks` (ascending) what `content`, the beginning of the file, has between them.
void add_uncovered(std::vector<PendingBlock>& blocks, ByteSpan content) {
    std::vector<PendingBlock> gaps;
    std::uint64_t at = 0;
    const auto add_until = [&](std::uint64_t to) {
        to = std::min<std::uint64_t>(to, content.size());
        if (at >= to) return;
        PendingBlock gap;
        gap.offset = at;
        gap.parts[0] = content.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(to - at));
        gaps.push_back(gap);
    };
    for (const PendingBlock& block : blocks) {
        add_until(block.offset);
        at = std::max(at, block.end());
    }
    add_until(content.size());
    blocks.insert(blocks.end(), gaps.begin(), gaps.end());
    std::sort(blocks.begin(), blocks.end(),
              [](const PendingBlock& a, const PendingBlock& b) { return a.offset < b.offset; });
}

}  // namespace

Result<ReadPlan> FileContents::plan_read(InodeNumber inode, std::uint64_t offset, std::size_t size) {
    const auto value = tree_->find(inode_key(inode));
    if (!value) return std::errc::no_such_file_or_directory;
    const InodeRecord record = decode_inode_record(*value);
    if (const auto refused = reject_as_file(&record)) return *refused;
    return fs::plan_read(*tree_, record, dirty_.find(inode), offset, size);
}

void FileContents::adjust(InodeNumber inode, InodeRecord& record) const {
    const DirtyFile* dirty = dirty_.find(inode);
    if (dirty == nullptr) return;
    const std::uint64_t grown = dirty->end_offset() - std::min(dirty->end_offset(), record.size_bytes);
    record.size_bytes += grown;
    record.allocated_bytes += std::min(dirty->bytes(), grown);
    record.modified = dirty->modified;
    record.changed = dirty->changed;
}

Result<std::size_t> FileContents::write(InodeNumber inode, std::uint64_t offset, ByteSpan data,
                                        const std::optional<Timestamp>& now, Effects& effects) {
    if (data.size() > max_file_bytes || offset > max_file_bytes - data.size())
        return std::errc::file_too_large;
    TreeEdit edit(*tree_);
    InodeRecord* record = edit.inode(inode);
    if (const auto refused = reject_as_file(record)) return *refused;
    if (data.empty()) return std::size_t{0};
    require_trimmed(*record, offset + data.size());

    // Whole chunks go to the log now, the rest is merged into the buffer (write_plan.hpp has the rules).
    const DirtyFile* dirty = dirty_.find(inode);
    const bool was_clean = dirty == nullptr;
    const Timestamp modified = record->modified;
    const Timestamp changed = record->changed;
    WritePlan plan = plan_write(dirty, record->size_bytes, settings_.chunk_bytes, offset, data);
    if (!plan.blocks.empty()) {
        store(edit, *record, std::move(plan.blocks), std::max(record->size_bytes, plan.stored_end));
        if (now) record->modified = record->changed = *now;
        effects.epoch = edit.apply();
        effects.touched = {inode};
    }
    // The tree has what left the buffer; from here on nothing throws but std::bad_alloc.
    if (dirty != nullptr || !plan.merges.empty()) {
        dirty_.update(inode, [&](DirtyFile& file) {
            for (const std::uint64_t stretch : plan.leaving) file.erase(stretch);
            for (const WritePlan::Merge& merge : plan.merges) file.merge(merge.offset, merge.data);
            if (now) {
                file.modified = file.changed = *now;
            } else if (was_clean) {  // the kernel keeps the times: those of the tree stay
                file.modified = modified;
                file.changed = changed;
            }
        });
    }
    return data.size();
}

bool FileContents::flush(InodeNumber inode, Effects& effects) {
    const DirtyFile* dirty = dirty_.find(inode);
    if (dirty == nullptr) return true;
    TreeEdit edit(*tree_);
    InodeRecord* record = edit.inode(inode);
    if (record == nullptr) {  // unlinked and freed meanwhile
        dirty_.discard(inode);
        return true;
    }
    std::vector<PendingBlock> blocks;
    for (const auto& [offset, bytes] : dirty->stretches()) {
        if (blocks.size() == stretches_per_flush) break;
        PendingBlock block;
        block.offset = offset;
        block.parts[0] = bytes;
        blocks.push_back(block);
    }
    // In the order of the file, so that the size in the tree never passes bytes that are still buffered.
    const std::uint64_t end = blocks.back().end();
    require_trimmed(*record, end);
    const std::size_t count = blocks.size();
    store(edit, *record, std::move(blocks), std::max(record->size_bytes, end));
    record->modified = dirty->modified;
    record->changed = dirty->changed;
    effects.epoch = edit.apply();
    effects.touched = {inode};
    const bool clean = count == dirty->stretches().size();
    dirty_.update(inode, [&](DirtyFile& file) {
        for (std::size_t i = 0; i < count; ++i) file.erase(file.stretches().begin()->first);
    });
    return clean;
}

bool FileContents::fits_inline(const InodeRecord& record, std::uint64_t size) const {
    return size <= settings_.inline_bytes && !record.trimming &&
           (record.has_inline_data || record.allocated_bytes == 0);
}

void FileContents::store_inline(TreeEdit& edit, InodeRecord& record,
                                const std::vector<PendingBlock>& blocks) {
    Bytes content = inline_content(edit, record);
    for (const PendingBlock& block : blocks) {
        if (block.end() > content.size()) content.resize(static_cast<std::size_t>(block.end()));
        std::byte* to = content.data() + block.offset;
        for (const ByteSpan part : block.parts) {
            if (part.empty()) continue;
            std::memcpy(to, part.data(), part.size());
            to += part.size();
        }
    }
    record.has_inline_data = true;
    record.allocated_bytes = content.size();
    edit.put(inline_data_key(record.data_id), std::move(content));
}

// Puts `blocks` (ascending, not empty) into the file and sets its size. Appends them to the log if they do
// not fit inline: from then on nothing in the edit may fault.
void FileContents::store(TreeEdit& edit, InodeRecord& record, std::vector<PendingBlock> blocks,
                         std::uint64_t new_size) {
    record.size_bytes = new_size;
    if (fits_inline(record, new_size)) {
        store_inline(edit, record, blocks);
        return;
    }
    // A file that outgrows its inline entry takes along what the new blocks do not cover.
    const Bytes content = inline_content(edit, record);
    if (record.has_inline_data) {
        add_uncovered(blocks, content);
        edit.erase(inline_data_key(record.data_id));
        record.has_inline_data = false;
        record.allocated_bytes = 0;
    }
    ExtentMap extents(edit, record.data_id);
    record.allocated_bytes -= extents.prepare(blocks);
    extents.append(blocks, tree_->blocks(), settings_.chunk_bytes, next(tree_->generation()));
    for (const PendingBlock& block : blocks) record.allocated_bytes += block.size();
}

}  // namespace demofs::fs
