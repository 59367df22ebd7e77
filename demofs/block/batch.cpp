// Filler and encrypted blocks in one buffer, so that a batch is one write. A batch is a gapless piece of the
// log: a block that would leave a hole, or overlap, ends the process before it is encrypted.
#include "demofs/block/batch.hpp"

#include <algorithm>
#include <cstring>

#include "demofs/base/invariant.hpp"

namespace demofs::block {
Batch::Batch(const PlainBlock& first, std::size_t capacity)
    : segment_(first.slot.segment),
      begin_(first.begin()),
      memory_(ByteBuffer::congruent(capacity + boundary_bytes, begin_)) {}

bool Batch::accepts(const PlainBlock& block, std::size_t limit) const {
    return block.slot.segment == segment_ && block.begin() == end() && block.end() - begin_ <= limit;
}

MutableByteSpan Batch::extend(std::size_t bytes) {
    if (memory_.size() - used_ < bytes) {
        ByteBuffer larger = ByteBuffer::congruent(std::max(2 * memory_.size(), used_ + bytes), begin_);
        std::memcpy(larger.data(), memory_.data(), used_);
        memory_ = std::move(larger);
    }
    const MutableByteSpan added = memory_.span().subspan(used_, bytes);
    used_ += bytes;
    return added;
}

void Batch::encrypt(const std::vector<PlainBlock>& blocks) {
    tags_.reserve(tags_.size() + blocks.size());
    for (const PlainBlock& block : blocks) {
        invariant(block.slot.segment == segment_ && block.begin() == end(),
                  "A block is encrypted for the place right behind the one before it.");
        filler_.fill(extend(block.slot.offset - block.begin()));
        const MutableByteSpan out = extend(block.end() - block.slot.offset);
        tags_.push_back(
            seal_block(*segment_, block.slot.offset, block.slot.nonces, block.header, block.payload, out));
    }
}

void Batch::fill_up_to(std::uint32_t offset) {
    filler_.fill(extend(offset - end()));
}

}  // namespace demofs::block
