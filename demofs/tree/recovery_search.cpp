// Which records there are. Three things are kept apart here: what a crash leaves (passed over, with a note),
// what was damaged after it had been durable (reported), and what a newer version wrote (refused). A seal
// tells the first two apart: everything before a seal was durable.
#include "demofs/tree/recovery_search.hpp"

#include <algorithm>
#include <exception>
#include <unordered_set>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/block/format.hpp"

namespace demofs::tree {

namespace asio = boost::asio;

namespace {

std::string place(const block::BlockAddress& address) {
    return "segment " + std::to_string(address.segment.sequence) + " at offset " +
           std::to_string(address.offset);
}

// An authentic record was written by a program that knew the key. If it cannot be read, that program was a newer
// one (or a broken one); to go on without it would be to drop what it made durable.
CommitRecord decode_authentic(ByteSpan payload, const block::BlockAddress& address) {
    try {
        CommitRecord record = decode_commit_record(payload);
        record.address = address;
        return record;
    } catch (const Error& error) {
        if (error.code() != make_error_code(Errc::corrupt)) throw;
        throw Error(Errc::unsupported_format,
                    "The commit record in " + place(address) +
                        " is authentic, but this version of demofs cannot read it (" + error.what() + ").");
    }
}

// Which segments below the newest head may hold another branch, as far as a listing and the heads tell. A branch
// numbers its segments from the point where it left, as the main line did, so the same numbers are there twice.
// Or somebody went on in a segment that the main line believed to be abandoned: it has another size then.
class BranchSigns {
  public:
    explicit BranchSigns(const RecoverySettings& settings)
        : twice_left_(settings.fork_search_segments), unsealed_left_(settings.unsealed_search_segments) {}

    bool may_be_of_a_branch(const std::vector<block::ListedSegment>& segments, std::size_t i,
                            const std::vector<Candidate>& heads) {
        const std::uint64_t sequence = segments[i].id.sequence;
        const bool twice = (i > 0 && segments[i - 1].id.sequence == sequence) ||
                           (i + 1 < segments.size() && segments[i + 1].id.sequence == sequence);
        if (twice && twice_left_ > 0) {
            --twice_left_;
            return true;
        }
        bool left_open = false;
        for (const Candidate& head : heads) {
            for (const LeftOpen& open : head.record.left_open) {
                if (open.segment != segments[i].id) continue;
                if (open.size_bytes != segments[i].size_bytes) return true;
                left_open = true;
            }
        }
        if (left_open || may_be_sealed(segments[i]) || unsealed_left_ == 0) return false;
        --unsealed_left_;
        return true;
    }

  private:
    std::size_t twice_left_;
    std::size_t unsealed_left_;
};

}  // namespace

bool may_be_sealed(const block::ListedSegment& segment) {
    return segment.size_bytes % block::boundary_bytes == block::segment_end_bytes;
}

std::string name(const CommitRecord& record) {
    return "commit " + std::to_string(raw(record.generation)) + " (" + place(record.address) + ")";
}

RecordSearch::RecordSearch(block::LogReader& log, SessionGraph& graph, const RecoverySettings& settings,
                           Recovered& result)
    : log_(log),
      catalog_(log.catalog()),
      graph_(graph),
      settings_(settings),
      result_(result),
      tail_budget_(settings.tail_bytes) {}

// --- one segment ---------------------------------------------------------------------------------

// Null: the segment's header is not valid, so nothing in it can be read.
asio::awaitable<block::SharedSegment> RecordSearch::segment_of(block::SegmentId id) {
    std::exception_ptr error;
    try {
        block::SharedSegment segment = co_await catalog_.find(id);
        graph_.add(*segment);
        co_return segment;
    } catch (...) {
        error = std::current_exception();
    }
    if (!has_code(error, Errc::corrupt)) std::rethrow_exception(error);
    co_return nullptr;
}

// Nothing in a segment can be read without its header. If a crash has left it so, nothing in it was synced.
asio::awaitable<void> RecordSearch::judge_header(block::SegmentId id) {
    const std::string segment = "Segment " + std::to_string(id.sequence);
    const bool crash = co_await catalog_.header_was_never_written(id);
    if (crash) {
        result_.judge(Verdict::crash_tail, segment + " has no header: a crash came before it was written.");
    } else {
        result_.judge(
            Verdict::damaged,
            "The header of segment " + std::to_string(id.sequence) +
                " is damaged, and the newest commits may be in that segment, which cannot be read.");
    }
}

// Records are looked at from the segment's end, so the first readable one is the newest.
void RecordSearch::look_at(const block::FoundBlock& block, Scanned& scanned) {
    // Its number is used up, whatever became of it.
    result_.seen_generation = std::max(result_.seen_generation, Generation{block.header.birth_generation});
    if (!block.payload) {
        scanned.torn_behind = true;
        return;
    }
    scanned.newest.emplace();
    scanned.newest->record = decode_authentic(block.payload, block.address);
}

// The segment's newest readable record of a generation below `below`. The segment's header must be valid.
asio::awaitable<RecordSearch::Scanned> RecordSearch::scan(block::SegmentId id, Generation below) {
    Scanned scanned;
    block::CommitScan commits = co_await log_.scan_commits(id);
    while (!scanned.newest) {
        const std::optional<block::FoundBlock> block = co_await commits.next();
        if (!block) break;
        if (block->header.birth_generation < raw(below)) look_at(*block, scanned);
    }
    co_return scanned;
}

// In a sealed segment nothing behind the newest readable record can be a crash's doing.
asio::awaitable<void> RecordSearch::check_sealed_end(block::SegmentId id, const Scanned& scanned,
                                                     block::SealRecord seal) {
    if (scanned.torn_behind) {
        result_.judge(Verdict::damaged, "A commit record in segment " + std::to_string(id.sequence) +
                                            " is damaged, after it had been synced.");
        co_return;
    }
    block::LogRange tail;
    tail.segment = id;
    tail.begin = scanned.newest ? scanned.newest->record.address.end() : block::segment_header_bytes;
    tail.end = static_cast<std::uint32_t>(seal.blocks_end);
    co_await check_tail(tail);
}

// A record whose header is damaged is not seen by the scan: it would lie in `tail`, where only blocks are to
// be found.
asio::awaitable<void> RecordSearch::check_tail(block::LogRange tail) {
    if (tail.end <= tail.begin || tail.end - tail.begin > tail_budget_) co_return;
    tail_budget_ -= tail.end - tail.begin;
    std::vector<block::LogRange> ranges(1, tail);
    const block::Verification seen = co_await log_.verify(std::move(ranges));
    if (seen.intact()) co_return;
    result_.judge(Verdict::damaged, "Segment " + std::to_string(tail.segment.sequence) +
                                        " is damaged at offset " + std::to_string(seen.offset) +
                                        ", where the newest commit may have been.");
}

asio::awaitable<std::optional<SessionId>> RecordSearch::session_of(block::SegmentId id) {
    if (!catalog_.is_listed(id)) co_return std::nullopt;
    const block::SharedSegment segment = co_await segment_of(id);
    if (!segment) co_return std::nullopt;
    co_return segment->origin.session;
}

// --- all segments --------------------------------------------------------------------------------

asio::awaitable<bool> RecordSearch::in_past_of(const std::vector<Candidate>& heads, const Candidate& head) {
    const ReplicaVersion version = version_of(head.record);
    for (const Candidate& other : heads) {
        const bool past = co_await graph_.descends(other.record, version);
        if (past) co_return true;
    }
    co_return false;
}

asio::awaitable<bool> RecordSearch::has_given_up(const CommitRecord& head, CommitId commit) {
    for (const GivenUpTail& tail : head.given_up) {
        if (tail.generation < commit.generation) continue;
        const std::optional<SessionId> session = co_await session_of(tail.record.segment);
        if (!session) continue;
        const CommitId end{*session, tail.generation};
        const std::optional<bool> known = co_await graph_.leads_to(end, commit);
        if (known.value_or(false)) co_return true;
    }
    co_return false;
}

asio::awaitable<bool> RecordSearch::is_given_up(const std::vector<Candidate>& heads, const Candidate& head) {
    const CommitId commit = head.record.id();
    for (const Candidate& other : heads) {
        const bool given_up = co_await has_given_up(other.record, commit);
        if (given_up) co_return true;
    }
    co_return false;
}

asio::awaitable<std::vector<Candidate>> RecordSearch::heads() {
    constexpr Generation any{~std::uint64_t{0}};
    std::vector<Candidate> heads;
    std::unordered_set<SessionId> known;  // sessions whose newest record has been seen
    bool below_is_past = false;
    std::size_t below_first = 0;
    BranchSigns signs(settings_);
    const std::vector<block::ListedSegment> segments = catalog_.segments();  // reading may list anew
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const block::ListedSegment& segment = segments[i];
        // A long session has many segments, all of them below its head.
        const bool far_below = !heads.empty() && below_first++ >= settings_.fork_search_segments;
        if ((below_is_past || far_below) && !signs.may_be_of_a_branch(segments, i, heads)) continue;
        const block::SharedSegment opened = co_await segment_of(segment.id);
        if (!opened) {
            if (heads.empty()) co_await judge_header(segment.id);
            continue;
        }
        if (opened->from_copy && heads.empty()) {
            result_.note("The header of segment " + std::to_string(segment.id.sequence) +
                         " is damaged; its copy is used.");
        }
        const SessionId session = opened->origin.session;
        if (known.contains(session)) continue;  // an older segment: its records are before the head
        Scanned scanned = co_await scan(segment.id, any);
        const std::optional<block::SealRecord> seal = co_await log_.seal_of(segment.id);
        if (seal && !below_is_past) co_await check_sealed_end(segment.id, scanned, *seal);
        if (!scanned.newest) continue;
        Candidate& head = *scanned.newest;
        known.insert(session);
        // A record behind it, however torn, was begun only after its sync had returned.
        head.synced = seal || scanned.torn_behind;
        const bool past = co_await in_past_of(heads, head);
        if (past) {
            below_is_past = true;
            continue;
        }
        const bool given_up = co_await is_given_up(heads, head);
        if (given_up) continue;
        if (scanned.torn_behind && !seal)
            result_.judge(Verdict::crash_tail,
                          "A commit after " + name(head.record) + " was cut off by a crash.");
        heads.push_back(std::move(head));
    }
    co_return heads;
}

asio::awaitable<std::optional<Candidate>> RecordSearch::parent_of(CommitRecord record) {
    std::optional<Candidate> parent;
    if (!record.parent) co_return parent;
    SharedBytes payload;
    std::exception_ptr error;
    try {
        payload = co_await log_.read(record.parent, block::BlockKind::commit);
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        if (!has_code(error, Errc::corrupt)) std::rethrow_exception(error);
        result_.judge(Verdict::damaged, "The parent of " + name(record) + " is damaged: " + describe(error));
        co_return parent;
    }
    parent.emplace();
    parent->record = decode_authentic(payload, record.parent);
    parent->synced = true;
    co_return parent;
}

asio::awaitable<std::optional<Candidate>> RecordSearch::newest_below(Generation below) {
    std::optional<Candidate> best;
    const std::vector<block::ListedSegment> segments = catalog_.segments();
    for (const block::ListedSegment& segment : segments) {
        // Generations grow with segments, but for forks: of equal sequence, all are looked at.
        if (best && best->record.address.segment.sequence > segment.id.sequence) break;
        const block::SharedSegment opened = co_await segment_of(segment.id);
        if (!opened) continue;
        Scanned scanned = co_await scan(segment.id, below);
        if (scanned.newest && (!best || scanned.newest->record.generation > best->record.generation))
            best = std::move(scanned.newest);
    }
    co_return best;
}

}  // namespace demofs::tree
