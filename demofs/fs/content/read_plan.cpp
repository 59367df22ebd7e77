// Lays a read out over what is buffered, what the tree has, and holes.
//
// The buffer lies on top: the plan goes from stretch to stretch, and fills the gaps between them from the
// tree (inline bytes, or extents with zeros between them). Bytes at hand become pieces at once; of an extent
// the piece only names the block, so that the caller can read all missing blocks together.
#include "demofs/fs/content/read_plan.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "demofs/base/error.hpp"
#include "demofs/fs/records/extent_record.hpp"
#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

namespace {

constexpr std::size_t zero_page_bytes = 128 * 1024;

const SharedBytes& zero_page() {
    static const SharedBytes page = [] {
        ByteBuffer zeros(zero_page_bytes);
        std::memset(zeros.data(), 0, zeros.size());
        return std::move(zeros).freeze();
    }();
    return page;
}

class Planner {
  public:
    Planner(tree::Tree& tree, const InodeRecord& record) : tree_(tree), record_(record) {}

    void add_buffered(ByteSpan bytes) { add_ready(SharedBytes::copy_of(bytes)); }

    // [from, to) as the tree has it.
    void add_stored(std::uint64_t from, std::uint64_t to) {
        if (from >= to) return;
        if (record_.has_inline_data) {
            add_inline(from, to);
            return;
        }
        std::uint64_t at = from;
        // Without extents there is nothing to look for; those beyond the size belong to the reclaimer.
        const std::uint64_t stored_to =
            record_.allocated_bytes == 0 ? from : std::min(to, record_.size_bytes);
        if (at < stored_to) {
            // The extent that begins at or before `at` may reach into the range; the others begin inside it.
            const tree::Key first = extent_key(record_.data_id, at);
            if (const auto before = tree_.find_last_not_after(first))
                add_extent(before->first.key, before->second, at, stored_to);
            if (at < stored_to) {
                tree_.scan(extent_key(record_.data_id, at), extent_key(record_.data_id, stored_to - 1),
                           [&](const tree::Key& key, ByteSpan value) {
                               add_zeros(key.key - at);
                               at = key.key;
                               add_extent(key.key, value, at, stored_to);
                               return at < stored_to;
                           });
            }
        }
        add_zeros(to - at);
    }

    ReadPlan take() { return std::move(plan_); }

  private:
    void add_ready(SharedBytes bytes) {
        if (bytes.empty()) return;
        ReadPlan::Piece piece;
        piece.length = bytes.size();
        piece.bytes = std::move(bytes);
        plan_.size_bytes += piece.length;
        plan_.pieces.push_back(std::move(piece));
    }

    void add_zeros(std::uint64_t count) {
        while (count > 0) {
            const std::size_t part =
                static_cast<std::size_t>(std::min<std::uint64_t>(count, zero_page_bytes));
            add_ready(zero_page().slice(0, part));
            count -= part;
        }
    }

    void add_inline(std::uint64_t from, std::uint64_t to) {
        const auto content = tree_.find(inline_data_key(record_.data_id));
        if (!content)
            throw Error(Errc::corrupt, "The inline content of data " + std::to_string(raw(record_.data_id)) +
                                           " is missing.");
        const std::uint64_t end = std::min<std::uint64_t>(to, content->size());
        if (from < end) {
            add_ready(SharedBytes::copy_of(
                content->subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(end - from))));
            from = end;
        }
        add_zeros(to - from);
    }

    // The bytes from `at` that lie in this extent, block by block; moves `at` behind them.
    void add_extent(std::uint64_t extent_offset, ByteSpan value, std::uint64_t& at, std::uint64_t to) {
        const ExtentRecord extent = decode_extent_record(value);
        const std::uint64_t end = std::min(to, extent_offset + extent.length_bytes);
        while (at < end) {
            const ExtentRecord::Place place = extent.locate(extent.skip_bytes + (at - extent_offset));
            ReadPlan::Piece piece;
            piece.block = place.block;
            piece.block_offset = place.offset;
            piece.length = static_cast<std::size_t>(
                std::min<std::uint64_t>(place.block.payload_bytes - place.offset, end - at));
            plan_.size_bytes += piece.length;
            at += piece.length;
            plan_.pieces.push_back(std::move(piece));
        }
    }

    tree::Tree& tree_;
    const InodeRecord& record_;
    ReadPlan plan_;
};

void fill_piece(ReadPlan::Piece& piece, const SharedBytes& payload) {
    piece.bytes = payload.slice(piece.block_offset, piece.length);
}

}  // namespace

bool ReadPlan::fill_from_memory(block::BlockStore& blocks) {
    bool complete = true;
    for (Piece& piece : pieces) {
        if (piece.bytes) continue;
        const SharedBytes payload = blocks.try_read(piece.block);
        if (payload) {
            fill_piece(piece, payload);
        } else {
            complete = false;
        }
    }
    return complete;
}

std::optional<block::BlockPart> ReadPlan::only_missing_part() const {
    std::optional<block::BlockPart> part;
    for (const Piece& piece : pieces) {
        if (piece.bytes) continue;
        if (part) return std::nullopt;
        part.emplace();
        part->block = piece.block;
        part->offset = piece.block_offset;
        part->length = static_cast<std::uint32_t>(piece.length);
    }
    return part;
}

void ReadPlan::fill_part(SharedBytes bytes) {
    for (Piece& piece : pieces)
        if (!piece.bytes) piece.bytes = std::move(bytes);
}

std::vector<block::BlockAddress> ReadPlan::missing() const {
    std::vector<block::BlockAddress> addresses;
    for (const Piece& piece : pieces) {
        if (piece.bytes) continue;
        if (std::find(addresses.begin(), addresses.end(), piece.block) == addresses.end())
            addresses.push_back(piece.block);
    }
    return addresses;
}

void ReadPlan::fill(const std::vector<block::BlockAddress>& addresses,
                    const std::vector<SharedBytes>& payloads) {
    std::unordered_map<block::BlockAddress, const SharedBytes*> by_address;
    for (std::size_t i = 0; i < addresses.size(); ++i) by_address.emplace(addresses[i], &payloads[i]);
    for (Piece& piece : pieces) {
        if (!piece.bytes) fill_piece(piece, *by_address.at(piece.block));
    }
}

ReadPlan plan_read(tree::Tree& tree, const InodeRecord& record, const DirtyFile* dirty, std::uint64_t offset,
                   std::size_t size) {
    Planner planner(tree, record);
    const std::uint64_t file_end =
        dirty ? std::max(record.size_bytes, dirty->end_offset()) : record.size_bytes;
    if (offset >= file_end) return planner.take();
    const std::uint64_t end = offset + std::min<std::uint64_t>(size, file_end - offset);
    // Invariant: the plan holds [offset, at).
    std::uint64_t at = offset;
    if (dirty != nullptr) {
        for (auto stretch = dirty->first_ending_after(at); stretch != dirty->end() && stretch->first < end;
             ++stretch) {
            planner.add_stored(at, stretch->first);
            const std::uint64_t from = std::max(at, stretch->first);
            const std::uint64_t to = std::min(end, stretch->first + stretch->second.size());
            planner.add_buffered(ByteSpan(stretch->second)
                                     .subspan(static_cast<std::size_t>(from - stretch->first),
                                              static_cast<std::size_t>(to - from)));
            at = to;
        }
    }
    planner.add_stored(at, end);
    return planner.take();
}

}  // namespace demofs::fs
