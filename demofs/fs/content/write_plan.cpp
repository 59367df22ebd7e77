// The planner goes through the write chunk by chunk (Planner::add), and at the end knows how far the size in
// the tree moves; only then it can tell which buffered stretches must go along (Planner::finish).
#include "demofs/fs/content/write_plan.hpp"

#include <algorithm>
#include <optional>

namespace demofs::fs {

namespace {

// What the buffer will hold in a chunk that the write covers in part.
struct Buffered {
    PendingBlock result;  // the stretch as it will be
    WritePlan::Merge merge;
    std::optional<std::uint64_t> merged_into;  // the stretch that it grows from
};

// The stretch that comes from writing `data` over or beside `old`.
PendingBlock united(std::uint64_t old_offset, ByteSpan old, std::uint64_t offset, ByteSpan data) {
    const std::uint64_t old_end = old_offset + old.size();
    const std::uint64_t end = offset + data.size();
    PendingBlock both;
    both.offset = std::min(old_offset, offset);
    if (old_offset < offset) both.parts[0] = old.first(static_cast<std::size_t>(offset - old_offset));
    both.parts[1] = data;
    if (old_end > end) both.parts[2] = old.last(static_cast<std::size_t>(old_end - end));
    return both;
}

PendingBlock alone(std::uint64_t offset, ByteSpan data) {
    PendingBlock block;
    block.offset = offset;
    block.parts[1] = data;
    return block;
}

class Planner {
  public:
    Planner(const DirtyFile* dirty, std::uint64_t stored_size, std::uint32_t chunk_bytes)
        : dirty_(dirty), stored_size_(stored_size), chunk_bytes_(chunk_bytes) {}

    void add(std::uint64_t offset, ByteSpan piece) {
        const auto old = dirty_ ? dirty_->in_chunk_of(offset) : DirtyFile::Stretches::const_iterator();
        const bool has_old = dirty_ && old != dirty_->end();
        // The whole chunk: what was buffered of it is overwritten.
        if (piece.size() == chunk_bytes_) {
            send(alone(offset, piece));
            if (has_old) plan_.leaving.push_back(old->first);
            return;
        }
        if (!has_old) {
            buffered_.push_back({alone(offset, piece), {offset, piece}, {}});
            return;
        }
        // One stretch per chunk: one that the piece neither overlaps nor adjoins goes to the log as it is.
        const bool apart = offset > old->first + old->second.size() || offset + piece.size() < old->first;
        if (apart) {
            send(alone(old->first, old->second));
            plan_.leaving.push_back(old->first);
            buffered_.push_back({alone(offset, piece), {offset, piece}, {}});
            return;
        }
        // Else they become one, which goes to the log once it fills the chunk.
        const PendingBlock both = united(old->first, old->second, offset, piece);
        if (both.size() == chunk_bytes_) {
            send(both);
            plan_.leaving.push_back(old->first);
        } else {
            buffered_.push_back({both, {offset, piece}, old->first});
        }
    }

    WritePlan finish(std::uint64_t write_begin, std::uint64_t write_end) {
        // The size in the tree moves to stored_end: everything buffered below it has to be there, too.
        // Sending a part moves stored_end on, but never into another chunk, so one pass is enough.
        if (plan_.stored_end > stored_size_) send_untouched(write_begin, write_end);
        for (const Buffered& part : buffered_) {
            if (must_be_sent(part.result.offset, part.result.end())) {
                send(part.result);
                if (part.merged_into) plan_.leaving.push_back(*part.merged_into);
            } else {
                plan_.merges.push_back(part.merge);
            }
        }
        std::sort(plan_.blocks.begin(), plan_.blocks.end(),
                  [](const PendingBlock& a, const PendingBlock& b) { return a.offset < b.offset; });
        return std::move(plan_);
    }

  private:
    bool must_be_sent(std::uint64_t begin, std::uint64_t end) const {
        return plan_.stored_end > stored_size_ && begin < plan_.stored_end && end > stored_size_;
    }

    // Stretches in chunks that the write does not touch.
    void send_untouched(std::uint64_t write_begin, std::uint64_t write_end) {
        if (dirty_ == nullptr) return;
        for (auto at = dirty_->first_ending_after(stored_size_); at != dirty_->end(); ++at) {
            if (!must_be_sent(at->first, at->first + at->second.size())) break;
            const std::uint64_t chunk = at->first / chunk_bytes_;
            if (chunk >= write_begin / chunk_bytes_ && chunk <= (write_end - 1) / chunk_bytes_) continue;
            send(alone(at->first, at->second));
            plan_.leaving.push_back(at->first);
        }
    }

    void send(const PendingBlock& block) {
        plan_.stored_end = std::max(plan_.stored_end, block.end());
        plan_.blocks.push_back(block);
    }

    const DirtyFile* dirty_;
    std::uint64_t stored_size_;
    std::uint32_t chunk_bytes_;
    WritePlan plan_;
    std::vector<Buffered> buffered_;  // at most the first and the last chunk of the write
};

}  // namespace

WritePlan plan_write(const DirtyFile* dirty, std::uint64_t stored_size, std::uint32_t chunk_bytes,
                     std::uint64_t offset, ByteSpan data) {
    Planner planner(dirty, stored_size, chunk_bytes);
    const std::uint64_t end = offset + data.size();
    for (std::uint64_t at = offset; at < end;) {
        const std::uint64_t chunk_end = (at / chunk_bytes + 1) * chunk_bytes;
        const auto length = static_cast<std::size_t>(std::min(end, chunk_end) - at);
        planner.add(at, data.subspan(static_cast<std::size_t>(at - offset), length));
        at += length;
    }
    return planner.finish(offset, end);
}

}  // namespace demofs::fs
