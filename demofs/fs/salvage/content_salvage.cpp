// Blocks are read whole as long as that works; where it does not, piece by piece, since each has a tag of its
// own. What is left is looked for in older blocks.
#include "demofs/fs/salvage/content_salvage.hpp"

#include <algorithm>
#include <utility>

#include "demofs/base/error.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t window_bytes = 1u << 20;
constexpr Generation nothing_known{0};

}  // namespace

asio::awaitable<std::vector<SalvagedRange>> ContentSalvage::write(const ContentToSalvage& content) {
    ranges_.clear();
    std::vector<ContentSource> sources = content.sources;
    sort_by_time(sources);
    const std::vector<ContentPart> parts = lay_over(sources);
    std::uint64_t done = 0;
    for (const ContentPart& part : parts) {
        const Range wanted{part.begin, std::min(part.end, content.size_bytes)};
        if (wanted.begin >= wanted.end) break;
        const Range gap{done, wanted.begin};
        if (gap.begin < gap.end && !content.gaps_are_holes)
            co_await replace(content, gap, nothing_known, nothing_known);
        const ContentSource& source = sources[part.source];
        const std::vector<Range> lost = co_await copy(source, wanted);
        std::uint64_t at = wanted.begin;
        for (const Range& range : lost) {
            const Range good{at, range.begin};
            tell_origin(good, source);
            co_await replace(content, range, source.time, source.run.birth);
            at = range.end;
        }
        const Range rest{at, wanted.end};
        tell_origin(rest, source);
        done = wanted.end;
    }
    const Range gap{done, content.size_bytes};
    if (gap.begin < gap.end && !content.gaps_are_holes)
        co_await replace(content, gap, nothing_known, nothing_known);
    co_await flush();
    co_return std::move(ranges_);
}

asio::awaitable<bool> ContentSalvage::is_readable(const ContentToSalvage& content) {
    is_trial_ = true;
    found_ = false;
    std::vector<ContentSource> sources = content.sources;
    sources.insert(sources.end(), content.fallback.begin(), content.fallback.end());
    for (const ContentSource& source : sources) {
        const Range wanted{source.begin, std::min(source.end(), content.size_bytes)};
        if (wanted.begin >= wanted.end) continue;
        const std::vector<Range> lost = co_await copy(source, wanted);
        if (found_) break;
    }
    is_trial_ = false;
    co_return found_;
}

// Writes what `source` has of the range; returns what cannot be read.
asio::awaitable<std::vector<ContentSalvage::Range>> ContentSalvage::copy(ContentSource source, Range wanted) {
    std::vector<Range> lost;
    const auto lose = [&lost](std::uint64_t begin, std::uint64_t end) {
        if (!lost.empty() && lost.back().end == begin) {
            lost.back().end = end;
        } else {
            lost.push_back({begin, end});
        }
    };
    const std::uint64_t end_of_run = source.run.locate(source.run.run_bytes - 1).block.end();
    std::uint64_t at = wanted.begin;
    while (at < wanted.end) {
        const ExtentRecord::Place place = source.run.locate(source.run.skip_bytes + (at - source.begin));
        const std::uint64_t bytes =
            std::min<std::uint64_t>(wanted.end - at, place.block.payload_bytes - place.offset);
        const bool loaded = co_await load(place.block, end_of_run);
        block::BlockPart whole;
        whole.block = place.block;
        whole.offset = place.offset;
        whole.length = static_cast<std::uint32_t>(bytes);
        SharedBytes opened;
        if (loaded) opened = open(whole);
        if (opened) {
            co_await put(at, opened);
        } else {
            for (std::uint32_t done = 0; done < whole.length;) {
                block::BlockPart piece = whole;
                piece.offset += done;
                piece.length =
                    std::min(block::piece_bytes - piece.offset % block::piece_bytes, whole.length - done);
                opened = SharedBytes();
                if (loaded) opened = open(piece);
                if (opened) {
                    co_await put(at + done, opened);
                } else {
                    lose(at + done, at + done + piece.length);
                }
                done += piece.length;
            }
        }
        at += bytes;
        if (is_trial_ && found_) break;
    }
    co_return lost;
}

// Older blocks for the range, then a hole. What is lost was there at `time`, and written for `birth`.
asio::awaitable<void> ContentSalvage::replace(const ContentToSalvage& content, Range lost, Generation time,
                                              Generation birth) {
    std::vector<Range> left(1, lost);
    for (const ContentSource& source : content.fallback) {
        if (left.empty()) break;
        if (source.begin >= lost.end || source.end() <= lost.begin) continue;
        if (time != nothing_known && source.time > time) continue;
        std::vector<Range> still_left;
        for (const Range& range : left) {
            const Range wanted{std::max(range.begin, source.begin), std::min(range.end, source.end())};
            if (wanted.begin >= wanted.end) {
                still_left.push_back(range);
                continue;
            }
            if (range.begin < wanted.begin) still_left.push_back({range.begin, wanted.begin});
            const std::vector<Range> lost_here = co_await copy(source, wanted);
            std::uint64_t at = wanted.begin;
            for (const Range& again : lost_here) {
                tell({at, again.begin}, SalvagedRange::Kind::older, source.run.birth);
                still_left.push_back(again);
                at = again.end;
            }
            tell({at, wanted.end}, SalvagedRange::Kind::older, source.run.birth);
            if (wanted.end < range.end) still_left.push_back({wanted.end, range.end});
        }
        left = std::move(still_left);
    }
    for (const Range& range : left) tell(range, SalvagedRange::Kind::missing, birth);
    std::ranges::sort(ranges_, {}, &SalvagedRange::offset);
}

// Whether the segment can be opened; then the window has what there is of the block, and of what follows it.
asio::awaitable<bool> ContentSalvage::load(block::BlockAddress block, std::uint64_t end_of_run) {
    if (unreadable_.contains(block.segment)) co_return false;
    if (window_ && window_->segment().id == block.segment &&
        window_->holds(block.offset, block.stored_bytes()))
        co_return true;
    window_.reset();
    block::SharedSegment segment;
    try {
        segment = co_await catalog_.find(block.segment);
    } catch (const Error&) {
        segment = nullptr;
    }
    if (!segment) {
        unreadable_.insert(block.segment);
        co_return false;
    }
    window_.emplace(store_, std::move(segment));
    const std::uint64_t ahead = std::min(end_of_run - block.offset, window_bytes);
    bool loaded = false;
    try {
        co_await window_->load(block.offset, std::max<std::uint64_t>(block.stored_bytes(), ahead));
        loaded = true;
    } catch (const Error&) {
        loaded = false;
    }
    if (!loaded) window_.reset();
    co_return loaded;
}

// Null if it is not authentic.
SharedBytes ContentSalvage::open(const block::BlockPart& part) const {
    try {
        return window_->open_part(part);
    } catch (const Error&) {
        return SharedBytes();
    }
}

asio::awaitable<void> ContentSalvage::put(std::uint64_t offset, SharedBytes bytes) {
    found_ = true;
    if (is_trial_) co_return;
    if (offset != pieces_begin_ + pieces_bytes_ || pieces_bytes_ >= window_bytes) co_await flush();
    if (pieces_.empty()) pieces_begin_ = offset;
    pieces_bytes_ += bytes.size();
    pieces_.push_back(std::move(bytes));
}

asio::awaitable<void> ContentSalvage::flush() {
    if (pieces_.empty()) co_return;
    std::vector<SharedBytes> pieces = std::exchange(pieces_, {});
    const std::uint64_t bytes = std::exchange(pieces_bytes_, 0);
    auto writing = output_.write(pieces_begin_, std::move(pieces));
    co_await std::move(writing);
    written_bytes_ += bytes;
}

void ContentSalvage::tell_origin(Range range, const ContentSource& source) {
    if (source.by_header) {
        tell(range, SalvagedRange::Kind::by_header, source.run.birth);
    } else if (source.may_be_older) {
        tell(range, SalvagedRange::Kind::older, source.time);
    }
}

void ContentSalvage::tell(Range range, SalvagedRange::Kind kind, Generation generation) {
    if (range.begin >= range.end) return;
    SalvagedRange told;
    told.offset = range.begin;
    told.bytes = range.end - range.begin;
    told.kind = kind;
    told.generation = generation;
    if (!ranges_.empty()) {
        SalvagedRange& before = ranges_.back();
        if (before.offset + before.bytes == told.offset && before.kind == kind &&
            before.generation == generation) {
            before.bytes += told.bytes;
            return;
        }
    }
    ranges_.push_back(told);
}

}  // namespace demofs::fs
