// Cuts a range into edges that are copied and the whole pages between them.
#include "demofs/store/io/paged_range.hpp"

#include <algorithm>
#include <cstring>

namespace demofs::store {

PagedRange::PagedRange(PagePool& pool, std::uint64_t offset, MutableByteSpan memory)
    : offset_(offset), memory_(memory) {
    const std::uint64_t range_end = offset + memory.size();
    const std::uint64_t whole_begin = page_ceiling(offset);
    const std::uint64_t whole_end = page_floor(range_end);
    if (whole_begin >= whole_end || !congruent(memory.data(), offset)) {
        add_copied(pool, 0, memory.size());
        return;
    }
    const std::size_t head = whole_begin - offset;
    const std::size_t whole = whole_end - whole_begin;
    if (head > 0) add_copied(pool, 0, head);
    pieces_[piece_count_++] = {memory.data() + head, whole};
    if (range_end > whole_end) add_copied(pool, head + whole, range_end - whole_end);
}

void PagedRange::add_copied(PagePool& pool, std::size_t begin, std::size_t size) {
    const std::uint64_t place = offset_ + begin;
    const std::size_t pages = page_ceiling(place + size) - page_floor(place);
    std::optional<Copied>& copied = copied_[copied_count_++];
    copied.emplace(pool.take(pages), place % page_bytes, begin, size);
    pieces_[piece_count_++] = {copied->pages.data(), pages};
}

std::size_t PagedRange::finish_read(std::size_t size_bytes) noexcept {
    const std::size_t lead = offset_ - begin();
    const std::size_t size = std::min(memory_.size(), size_bytes - std::min(size_bytes, lead));
    for (std::size_t i = 0; i < copied_count_; ++i) {
        const Copied& copied = *copied_[i];
        if (copied.begin >= size) break;
        const std::size_t count = std::min(copied.size, size - copied.begin);
        std::memcpy(memory_.data() + copied.begin, copied.bytes(), count);
    }
    return size;
}

void PagedRange::prepare_write(ByteSpan before) noexcept {
    for (std::size_t i = 0; i < copied_count_; ++i) {
        const Copied& copied = *copied_[i];
        // Only the range's first page can have bytes before it.
        if (copied.lead > 0) std::memcpy(copied.pages.data(), before.data(), copied.lead);
        std::memcpy(copied.bytes(), memory_.data() + copied.begin, copied.size);
        const std::size_t used = copied.lead + copied.size;
        std::memset(copied.pages.data() + used, 0, copied.pages.size() - used);
    }
}

ByteSpan PagedRange::last_partial_page() const noexcept {
    const std::size_t partial = (offset_ + memory_.size()) % page_bytes;
    if (partial == 0) return {};
    const Copied& last = *copied_[copied_count_ - 1];
    return {last.pages.data() + last.pages.size() - page_bytes, partial};
}

}  // namespace demofs::store
