// Cutting and placing extents. An extent is a view of a run of blocks, exact to the byte: cutting only moves
// its edges, and a block whose bytes are all cut out is merely counted as dead in its segment's usage.
#include "demofs/fs/content/extent_map.hpp"

#include <algorithm>
#include <cstring>

#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

namespace {

// The part [from, to) of an extent that contains it.
PlacedExtent part_of(const PlacedExtent& whole, std::uint64_t from, std::uint64_t to) {
    PlacedExtent part = whole;
    part.offset = from;
    part.record.skip_bytes += from - whole.offset;
    part.record.length_bytes = to - from;
    return part;
}

}  // namespace

SharedBytes PendingBlock::payload() const {
    ByteBuffer buffer(static_cast<std::size_t>(size()));
    std::byte* to = buffer.data();
    for (const ByteSpan part : parts) {
        if (part.empty()) continue;
        std::memcpy(to, part.data(), part.size());
        to += part.size();
    }
    return std::move(buffer).freeze();
}

void ExtentMap::put(const PlacedExtent& extent) {
    edit_->put(extent_key(data_, extent.offset), encode(extent.record));
}

std::optional<PlacedExtent> ExtentMap::last_not_after(std::uint64_t offset) {
    const auto found = edit_->find_last_not_after(extent_key(data_, offset));
    if (!found) return std::nullopt;
    return PlacedExtent{found->first.key, decode_extent_record(found->second)};
}

std::uint64_t ExtentMap::cut(std::uint64_t from, std::uint64_t to) {
    if (from >= to) return 0;
    // What lies in the way: the extent that begins before `from` and reaches into it, and all that begin
    // inside.
    std::vector<PlacedExtent> touched;
    if (from > 0) {
        const std::optional<PlacedExtent> before = last_not_after(from - 1);
        if (before && before->end() > from) touched.push_back(*before);
    }
    for (const auto& [key, value] : edit_->range(extent_key(data_, from), extent_key(data_, to - 1)))
        touched.push_back(PlacedExtent{key.key, decode_extent_record(value)});
    // Of each, the parts on both sides stay: the front under its old key (or nothing is left there), the back
    // under a new one.
    std::uint64_t removed = 0;
    for (const PlacedExtent& extent : touched) {
        const std::uint64_t begin = std::max(from, extent.offset);
        const std::uint64_t end = std::min(to, extent.end());
        if (extent.offset < begin) {
            put(part_of(extent, extent.offset, begin));
        } else {
            edit_->erase(extent_key(data_, extent.offset));
        }
        if (end < extent.end()) put(part_of(extent, end, extent.end()));
        edit_->use(extent.record.segment, -static_cast<std::int64_t>(end - begin));
        removed += end - begin;
    }
    return removed;
}

std::uint64_t ExtentMap::cut_extent_at(std::uint64_t offset) {
    if (offset == 0) return 0;
    const std::optional<PlacedExtent> before = last_not_after(offset - 1);
    if (!before || before->end() <= offset) return 0;
    return cut(offset, before->end());
}

std::size_t ExtentMap::count_from(std::uint64_t offset, std::size_t limit) {
    std::size_t count = 0;
    edit_->tree().scan(extent_key(data_, offset), extent_key(data_, max_key),
                       [&](const tree::Key&, ByteSpan) {
                           ++count;
                           return count < limit;
                       });
    return count;
}

std::uint64_t ExtentMap::prepare(const std::vector<PendingBlock>& blocks) {
    std::uint64_t removed = 0;
    for (std::size_t first = 0; first < blocks.size();) {
        // Blocks that adjoin in the file share the work.
        std::size_t last = first;
        while (last + 1 < blocks.size() && blocks[last].end() == blocks[last + 1].offset) ++last;
        const std::uint64_t from = blocks[first].offset;
        removed += cut(from, blocks[last].end());
        edit_->prefault(extent_key(data_, from), extent_key(data_, blocks[last].end() - 1));
        if (from > 0) {  // append() may make the extent before longer
            if (const auto before = last_not_after(from - 1))
                edit_->prefault(extent_key(data_, before->offset), extent_key(data_, before->offset));
        }
        first = last + 1;
    }
    edit_->prefault();
    return removed;
}

void ExtentMap::append(const std::vector<PendingBlock>& blocks, block::BlockStore& store,
                       std::uint32_t block_bytes, Generation birth) {
    // `current` is the extent that grows. It is put once it ends, so that a megabyte written in order is one
    // entry of the tree, and a file appended to piece by piece goes on with the extent it has.
    std::optional<PlacedExtent> current;
    for (const PendingBlock& block : blocks) {
        block::BlockHeader header;
        header.kind = block::BlockKind::data;
        header.owner = raw(data_);
        header.position = block.offset;
        header.birth_generation = raw(birth);
        const block::BlockAddress address = store.append(header, block.payload(), block::Placement::packed);
        edit_->use(address.segment, static_cast<std::int64_t>(block.size()));
        // Does the block adjoin in the file? Then the extent before it may grow...
        if (!current || current->end() != block.offset) {
            if (current) put(*current);
            current.reset();
            if (block.offset > 0) current = last_not_after(block.offset - 1);
            if (current && current->end() != block.offset) current.reset();
        }
        // ...if the block also lies right behind it in the segment.
        if (current && current->record.continues_with(address)) {
            current->record.run_bytes += block.size();
            current->record.length_bytes += block.size();
            continue;
        }
        if (current) put(*current);
        ExtentRecord record;
        record.segment = address.segment;
        record.first_block = address.offset;
        record.block_bytes = std::max(block_bytes, address.payload_bytes);
        record.run_bytes = block.size();
        record.length_bytes = block.size();
        record.birth = birth;
        current = PlacedExtent{block.offset, record};
    }
    if (current) put(*current);
}

}  // namespace demofs::fs
