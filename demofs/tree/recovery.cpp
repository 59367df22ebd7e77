#include "demofs/tree/recovery.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/block/format.hpp"

namespace demofs::tree {

namespace asio = boost::asio;

namespace {

// What reading one record gave.
struct Candidate {
    CommitRecord record;
    bool synced = false;  // something proves that its sync had returned
};

std::string place(const block::BlockAddress& address) {
    return "segment " + std::to_string(address.segment.sequence) + " at offset " +
           std::to_string(address.offset);
}

std::string name(const CommitRecord& record) {
    return "commit " + std::to_string(raw(record.generation)) + " (" + place(record.address) + ")";
}

// Whether `head` was built on `record`: its version vector contains it.
bool descends_from(const CommitRecord& head, const CommitRecord& record) {
    return std::ranges::any_of(head.versions, [&](const SessionGeneration& version) {
        return version.session == record.session && version.generation >= record.generation;
    });
}

class Recovery {
  public:
    Recovery(block::LogReader& log, RecoverySettings settings)
        : log_(log), settings_(settings), tail_budget_(settings.verify_durable_bytes) {}

    asio::awaitable<Recovered> run();

  private:
    using Segments = std::vector<block::ListedSegment>;

    asio::awaitable<void> find_heads();
    asio::awaitable<void> find_older(Generation below);
    asio::awaitable<void> scan_segment(block::SegmentId id, Generation below);
    asio::awaitable<std::optional<SessionId>> session_of(block::SegmentId id);
    asio::awaitable<void> check_tail(block::SegmentId id, std::uint64_t blocks_end);
    void look_at(const block::FoundBlock& block);
    asio::awaitable<void> choose();
    asio::awaitable<bool> whole(const CommitRecord& record, bool synced);
    asio::awaitable<std::optional<Candidate>> parent_of(CommitRecord record);
    asio::awaitable<void> check_forks();
    void note(std::string sentence) { result_.notes.push_back(std::move(sentence)); }
    void damage(std::string sentence) {
        result_.damaged = true;
        note(std::move(sentence));
    }

    block::LogReader& log_;
    RecoverySettings settings_;
    Recovered result_;
    std::optional<Candidate> found_;  // the newest readable record of the segment scanned last
    bool torn_behind_ = false;        // behind found_, in the same segment, lies one that is not readable
    std::vector<Candidate> heads_;    // newest records of different sessions, in the order found
    std::uint64_t tail_budget_;       // bytes that check_tail may still read
    std::string why_;                 // whole() was false
};

asio::awaitable<Recovered> Recovery::run() {
    co_await log_.refresh();
    if (log_.list().foreign_objects > 0) {
        note(std::to_string(log_.list().foreign_objects) +
             " objects in the store do not belong to this vault.");
    }
    result_.next_sequence = log_.list().next_sequence();
    if (log_.segments().empty()) co_return std::move(result_);
    co_await find_heads();
    if (heads_.empty()) {
        throw Error(Errc::vault_damaged, "The vault has " + std::to_string(log_.segments().size()) +
                                             " segments, but no commit can be found in them.");
    }
    co_await choose();
    co_return std::move(result_);
}

// --- finding records -----------------------------------------------------------------------------

void Recovery::look_at(const block::FoundBlock& block) {
    result_.seen_generation = std::max(result_.seen_generation, Generation{block.header.birth_generation});
    if (!block.payload) {
        if (!found_) torn_behind_ = true;
        return;
    }
    if (found_) return;
    try {
        found_.emplace();
        found_->record = decode_commit_record(block.payload);
        found_->record.address = block.address;
    } catch (const Error& error) {
        found_.reset();
        if (error.code() != make_error_code(Errc::corrupt)) throw;
        damage("The record in " + place(block.address) + " is authentic and makes no sense: " + error.what());
    }
}

// Sets found_ to the newest readable record of the segment with a generation lower than `below`. The
// segment's header must be valid.
asio::awaitable<void> Recovery::scan_segment(block::SegmentId id, Generation below) {
    found_.reset();
    torn_behind_ = false;
    block::CommitScan scan = co_await log_.scan_commits(id);
    while (!found_) {
        const std::optional<block::FoundBlock> block = co_await scan.next();
        if (!block) break;
        if (block->header.birth_generation < raw(below)) look_at(*block);
    }
}

// Nothing: the segment's header is not valid.
asio::awaitable<std::optional<SessionId>> Recovery::session_of(block::SegmentId id) {
    std::exception_ptr error;
    try {
        const block::SharedSegment segment = co_await log_.open(id);
        co_return segment->session;
    } catch (...) {
        error = std::current_exception();
    }
    if (!has_code(error, Errc::corrupt)) std::rethrow_exception(error);
    co_return std::nullopt;
}

// Newest segment first: the newest record of all, then, below it, those of sessions that it was not built on.
asio::awaitable<void> Recovery::find_heads() {
    constexpr Generation any{~std::uint64_t{0}};
    std::unordered_set<SessionId> later_sessions;  // with a readable record in a newer segment
    std::size_t below_head = 0;
    const Segments segments = log_.segments();
    for (const block::ListedSegment& segment : segments) {
        if (!heads_.empty() && below_head++ >= settings_.fork_search_segments) break;
        const std::optional<SessionId> session = co_await session_of(segment.id);
        if (!session) {
            // Creating a segment and crashing before its header was synced leaves this.
            if (heads_.empty())
                note("Segment " + std::to_string(segment.id.sequence) + " has no valid header.");
            continue;
        }
        // Older segments of a session whose newest record is known are of no interest.
        if (later_sessions.contains(*session)) continue;
        co_await scan_segment(segment.id, any);
        const std::optional<block::SealRecord> seal = co_await log_.seal_of(segment.id);
        const bool sealed = seal.has_value();
        if (sealed && torn_behind_) {
            damage("A commit record in segment " + std::to_string(segment.id.sequence) +
                   " is damaged, after it had been synced.");
        } else if (sealed) {
            co_await check_tail(segment.id, seal->blocks_end);
        }
        if (!found_) continue;
        found_->synced = sealed || torn_behind_;
        const bool ancestor = std::ranges::any_of(
            heads_, [&](const Candidate& head) { return descends_from(head.record, found_->record); });
        if (ancestor) break;
        if (torn_behind_ && !sealed)
            note("A commit after " + name(found_->record) + " was cut off by a crash.");
        later_sessions.insert(found_->record.session);
        heads_.push_back(std::move(*found_));
    }
}

// Whether a record whose header is damaged, so that the scan did not see it, lies behind the one found, in a
// segment that was durable as a whole.
asio::awaitable<void> Recovery::check_tail(block::SegmentId id, std::uint64_t blocks_end) {
    block::LogRange tail;
    tail.segment = id;
    tail.begin = found_ ? found_->record.address.end() : block::segment_header_bytes;
    tail.end = static_cast<std::uint32_t>(blocks_end);
    const std::uint64_t bytes = tail.end > tail.begin ? tail.end - tail.begin : 0;
    if (bytes == 0 || bytes > tail_budget_) co_return;
    tail_budget_ -= bytes;
    std::vector<block::LogRange> ranges;
    ranges.push_back(tail);
    const block::Verification seen = co_await log_.verify(std::move(ranges));
    if (seen.intact()) co_return;
    damage("Segment " + std::to_string(id.sequence) + " is damaged at offset " + std::to_string(seen.offset) +
           ", where the newest commit may have been.");
}

// --- choosing one --------------------------------------------------------------------------------

asio::awaitable<bool> Recovery::whole(const CommitRecord& record, bool synced) {
    std::uint64_t bytes = 0;
    for (const block::LogRange& range : record.log.ranges) bytes += range.end - range.begin;
    if (synced && bytes > settings_.verify_durable_bytes) co_return true;
    const std::vector<block::LogRange> ranges = record.log.ranges;
    const block::Verification seen = co_await log_.verify(ranges);
    switch (seen.state) {
        case block::LogState::intact:
            why_ = "blocks are missing";
            co_return seen.tags_hash == record.log.tags_hash;
        case block::LogState::missing_segment:
            // Segments are created, durably, before anything newer is written.
            throw Error(Errc::vault_incomplete,
                        "The vault is not complete: " + name(record) + " needs segment " +
                            std::to_string(seen.segment.sequence) +
                            ", which is missing. Wait until the folder is synchronised.");
        case block::LogState::too_short:
            why_ = "segment " + std::to_string(seen.segment.sequence) + " ends too early";
            co_return false;
        case block::LogState::not_authentic:
            why_ = "segment " + std::to_string(seen.segment.sequence) +
                   " is not as it was written at offset " + std::to_string(seen.offset);
            co_return false;
    }
    co_return false;
}

// The record before, which was synced because `record` exists. Nothing: it is the first one, or not readable.
asio::awaitable<std::optional<Candidate>> Recovery::parent_of(CommitRecord record) {
    std::optional<Candidate> parent;
    if (!record.parent) co_return parent;
    std::exception_ptr error;
    try {
        const SharedBytes payload = co_await log_.read(record.parent, block::BlockKind::commit);
        parent.emplace();
        parent->record = decode_commit_record(payload);
        parent->record.address = record.parent;
        parent->synced = true;
    } catch (...) {
        error = std::current_exception();
    }
    if (!error) co_return parent;
    if (!has_code(error, Errc::corrupt)) std::rethrow_exception(error);
    damage("The parent of " + name(record) + " is damaged: " + describe(error));
    co_return std::nullopt;
}

asio::awaitable<void> Recovery::find_older(Generation below) {
    const Segments segments = log_.segments();
    std::optional<Candidate> best;
    for (const block::ListedSegment& segment : segments) {
        if (best && best->record.address.segment.sequence > segment.id.sequence) break;
        const std::optional<SessionId> session = co_await session_of(segment.id);
        if (!session) continue;
        co_await scan_segment(segment.id, below);
        if (found_ && (!best || found_->record.generation > best->record.generation))
            best = std::move(found_);
    }
    found_ = std::move(best);
}

asio::awaitable<void> Recovery::choose() {
    // A head that does not verify is a crash's tail, and no branch; what it was built on is no fork of
    // anything then.
    std::vector<Candidate> whole_heads;
    std::optional<Candidate> newest_torn;
    std::vector<std::string> tails;
    for (Candidate& head : heads_) {
        result_.seen_generation = std::max(result_.seen_generation, head.record.generation);
        const bool good = co_await whole(head.record, head.synced);
        if (!good && !head.synced) {
            tails.push_back("The newest " + name(head.record) + " was cut off by a crash: " + why_ + ".");
            const bool newer = !newest_torn || head.record.generation > newest_torn->record.generation;
            if (newer) newest_torn = std::move(head);
            continue;
        }
        if (!good) {
            damage("The vault is damaged: " + name(head.record) + " was synced, but " + why_ +
                   ". What is affected cannot be read.");
        }
        whole_heads.push_back(std::move(head));
    }
    // The state before a torn commit is a head as well, unless a later one was built on it.
    if (newest_torn) {
        std::optional<Candidate> parent = co_await parent_of(newest_torn->record);
        if (!parent && newest_torn->record.parent) {
            co_await find_older(newest_torn->record.parent_generation);
            parent = std::move(found_);
        }
        const bool known = parent && std::ranges::any_of(whole_heads, [&](const Candidate& head) {
                               return descends_from(head.record, parent->record);
                           });
        if (!known) {
            for (std::string& sentence : tails) note(std::move(sentence));
        }
        if (parent && !known) {
            result_.seen_generation = std::max(result_.seen_generation, parent->record.generation);
            const bool good = co_await whole(parent->record, true);
            if (!good) {
                damage("The vault is damaged: " + name(parent->record) + " was synced, but " + why_ +
                       ". What is affected cannot be read.");
            }
            // The other heads may be its ancestors.
            std::erase_if(whole_heads,
                          [&](const Candidate& head) { return descends_from(parent->record, head.record); });
            whole_heads.push_back(std::move(*parent));
        }
    }
    heads_ = std::move(whole_heads);
    if (heads_.empty()) {
        throw Error(Errc::vault_damaged,
                    "The vault's only commit is not whole: its creation was interrupted.");
    }
    std::ranges::sort(heads_, [](const Candidate& a, const Candidate& b) {
        if (a.record.generation != b.record.generation) return a.record.generation > b.record.generation;
        return b.record.address < a.record.address;  // a fork: any order will do that does not change
    });
    co_await check_forks();
    result_.record = std::make_unique<CommitRecord>(std::move(heads_.front().record));
}

asio::awaitable<void> Recovery::check_forks() {
    const CommitRecord& chosen = heads_.front().record;
    for (std::size_t i = 1; i < heads_.size(); ++i) {
        const CommitRecord& other = heads_[i].record;
        if (descends_from(chosen, other)) continue;
        const std::string sentence =
            "The vault has two histories, of different mounts that did not know of each other: " +
            name(chosen) + " and " + name(other) + ".";
        if (!settings_.accept_fork) throw Error(Errc::forked, sentence);
        result_.fork = true;
        note(sentence + " The first one is used.");
    }
    co_return;
}

}  // namespace

asio::awaitable<Recovered> recover(block::LogReader& log, RecoverySettings settings) {
    Recovery recovery(log, settings);
    co_return co_await recovery.run();
}

asio::awaitable<std::vector<block::SegmentId>> missing_segments(
    Tree& tree, const std::vector<block::ListedSegment>& present) {
    std::unordered_set<block::SegmentId> known;
    for (const block::ListedSegment& segment : present) known.insert(segment.id);
    const auto read_usage = [&tree] { return tree.segment_usage(); };
    const std::vector<SegmentLive> usage = co_await tree.retry(read_usage);
    std::vector<block::SegmentId> missing;
    for (const SegmentLive& entry : usage) {
        if (entry.bytes > 0 && !known.contains(entry.segment)) missing.push_back(entry.segment);
    }
    co_return missing;
}

asio::awaitable<void> require_complete(Tree& tree, const std::vector<block::ListedSegment>& present) {
    const std::vector<block::SegmentId> missing = co_await missing_segments(tree, present);
    if (missing.empty()) co_return;
    throw Error(Errc::vault_incomplete, "The vault is not complete: " + std::to_string(missing.size()) +
                                            " segments with live data are missing, the first is number " +
                                            std::to_string(missing.front().sequence) +
                                            ". Wait until the folder is synchronised.");
}

}  // namespace demofs::tree
