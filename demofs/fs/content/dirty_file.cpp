// Stretches, one per chunk at most, in a map by offset: whoever looks for a byte finds the one stretch that
// can hold it by one step back.
#include "demofs/fs/content/dirty_file.hpp"

#include <algorithm>
#include <iterator>

#include "demofs/base/invariant.hpp"

namespace demofs::fs {

DirtyFile::Stretches::const_iterator DirtyFile::first_ending_after(std::uint64_t offset) const {
    auto after = stretches_.upper_bound(offset);
    if (after != stretches_.begin()) {
        const auto before = std::prev(after);
        if (before->first + before->second.size() > offset) return before;
    }
    return after;
}

DirtyFile::Stretches::const_iterator DirtyFile::in_chunk_of(std::uint64_t offset) const {
    const std::uint64_t chunk = offset / chunk_bytes_;
    const auto found = stretches_.lower_bound(chunk * chunk_bytes_);
    if (found == stretches_.end() || found->first / chunk_bytes_ != chunk) return stretches_.end();
    return found;
}

void DirtyFile::merge(std::uint64_t offset, ByteSpan data) {
    const auto found = in_chunk_of(offset);
    if (found == stretches_.end()) {
        stretches_.emplace(offset, Bytes(data.begin(), data.end()));
        bytes_ += data.size();
        return;
    }
    // The chunk has a stretch: grow it to hold both, at the front and at the back, then copy over it. The new
    // bytes win where they overlap. Its key changes when it grows at the front, hence the extracted node.
    const std::uint64_t begin = found->first;
    const std::uint64_t end = offset + data.size();
    invariant(offset <= begin + found->second.size() && end >= begin,
              "A write to a dirty chunk leaves no gap in it.");
    bytes_ -= found->second.size();
    auto node = stretches_.extract(found);
    Bytes& bytes = node.mapped();
    if (offset < begin) {
        bytes.insert(bytes.begin(), static_cast<std::size_t>(begin - offset), std::byte{});
        node.key() = offset;
    }
    const std::uint64_t first = node.key();
    if (end > first + bytes.size()) bytes.resize(static_cast<std::size_t>(end - first));
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset - first));
    bytes_ += bytes.size();
    stretches_.insert(std::move(node));
}

void DirtyFile::erase(std::uint64_t stretch_offset) {
    const auto found = stretches_.find(stretch_offset);
    invariant(found != stretches_.end(), "What is written back was dirty.");
    bytes_ -= found->second.size();
    stretches_.erase(found);
}

std::uint64_t DirtyFile::end_offset() const {
    if (stretches_.empty()) return 0;
    const auto last = std::prev(stretches_.end());
    return last->first + last->second.size();
}

std::uint64_t DirtyFile::bytes_within(std::uint64_t from, std::uint64_t to) const {
    std::uint64_t sum = 0;
    for (auto at = first_ending_after(from); at != stretches_.end() && at->first < to; ++at)
        sum += std::min(to, at->first + at->second.size()) - std::max(from, at->first);
    return sum;
}

}  // namespace demofs::fs
