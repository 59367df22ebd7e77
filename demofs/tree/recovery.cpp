// Which of the records that were found is the vault's state. A record alone proves little: it is the state
// only if everything that it relies on beyond its parent is there, which its ranges and their hash tell. The
// steps: verify each head; put the parent in the place of one that a crash tore; take the newest of what is
// left; look whether that is all there is, and all there ever was. What leaves nothing to show is thrown, and
// becomes the verdict in one place.
#include "demofs/tree/recovery.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/base/time_text.hpp"
#include "demofs/tree/recovery_search.hpp"
#include "demofs/tree/session_graph.hpp"

namespace demofs::tree {

namespace asio = boost::asio;

namespace {

// When the commit was made, by its writer's clock.
std::chrono::sys_seconds time_of(const CommitRecord& record) {
    return std::chrono::floor<std::chrono::seconds>(
        std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(record.time_ns)));
}

class Recovery {
  public:
    Recovery(block::LogReader& log, const RecoverySettings& settings)
        : log_(log), settings_(settings), graph_(log.catalog()), search_(log, graph_, settings, result_) {}
    Recovery(const Recovery&) = delete;
    Recovery& operator=(const Recovery&) = delete;

    asio::awaitable<Recovered> run();

  private:
    asio::awaitable<void> find_state();
    asio::awaitable<void> verify_heads();
    asio::awaitable<void> use_parents_of_torn();
    asio::awaitable<void> use_parent_of(CommitRecord torn, std::string sentence);
    asio::awaitable<void> add_head(Candidate added);
    asio::awaitable<bool> heads_descend_from(ReplicaVersion commit);
    asio::awaitable<bool> whole(const CommitRecord& record, bool synced);
    void begin_with(const HistoryId& history);
    void refuse_incomplete();
    void remember_given_up(CommitRecord& chosen);
    void remember_left_open(CommitRecord& chosen) const;
    void damaged_though_synced(const CommitRecord& record);
    asio::awaitable<void> look_for_fork();
    asio::awaitable<void> look_for_known();

    block::LogReader& log_;
    const RecoverySettings& settings_;
    Recovered result_;
    SessionGraph graph_;
    RecordSearch search_;
    std::vector<Candidate> heads_;
    // Heads that a crash tore, each with what to say of it, if it matters.
    std::vector<std::pair<CommitRecord, std::string>> torn_;
    std::vector<GivenUpTail> given_up_;  // all of them, and the ends of branches that are not accepted
    // Heads that need a segment which is not there, each with a sentence.
    std::vector<std::pair<GivenUpTail, std::string>> incomplete_;
    std::string why_;                          // whole() was false
    std::optional<block::SegmentId> missing_;  // and that because of this segment
};

// What a defect of the vault that leaves nothing to show is thrown as; nothing: it is the store's own error.
std::optional<Verdict> verdict_of(const std::exception_ptr& error) {
    if (has_code(error, Errc::vault_damaged)) return Verdict::damaged;
    if (has_code(error, Errc::vault_incomplete)) return Verdict::incomplete;
    if (has_code(error, Errc::unsupported_format)) return Verdict::unsupported;
    return std::nullopt;
}

asio::awaitable<Recovered> Recovery::run() {
    std::exception_ptr error;
    try {
        co_await find_state();
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        const std::optional<Verdict> verdict = verdict_of(error);
        if (!verdict) std::rethrow_exception(error);
        result_.judge(*verdict, describe(error));
    }
    co_return std::move(result_);
}

asio::awaitable<void> Recovery::find_state() {
    const block::SegmentCatalog& catalog = log_.catalog();
    if (catalog.foreign_objects() > 0) {
        result_.note(std::to_string(catalog.foreign_objects()) +
                     " objects in the store do not belong to this vault.");
    }
    result_.next_sequence = catalog.next_sequence();
    if (catalog.segments().empty()) co_return;
    heads_ = co_await search_.heads();
    if (heads_.empty()) {
        throw Error(Errc::vault_damaged, "The vault has " + std::to_string(catalog.segments().size()) +
                                             " segments, but no commit can be found in them.");
    }
    co_await verify_heads();
    co_await use_parents_of_torn();
    if (heads_.empty()) refuse_incomplete();
    if (heads_.empty()) {
        throw Error(Errc::vault_damaged,
                    "The vault's only commit is not whole: its creation was interrupted.");
    }
    std::ranges::sort(heads_, [](const Candidate& a, const Candidate& b) {
        if (a.record.generation != b.record.generation) return a.record.generation > b.record.generation;
        return b.record.address < a.record.address;  // a fork: any order will do that does not change
    });
    if (settings_.history) begin_with(*settings_.history);
    refuse_incomplete();
    co_await look_for_known();
    co_await look_for_fork();
    result_.record = std::make_unique<CommitRecord>(std::move(heads_.front().record));
    remember_given_up(*result_.record);
    remember_left_open(*result_.record);
}

// Whether everything that `record` added to the log is there. What is known to have been synced is read only
// up to a limit: there a defect is damage, which is found when it is read, and no reason to choose otherwise.
asio::awaitable<bool> Recovery::whole(const CommitRecord& record, bool synced) {
    missing_.reset();
    std::uint64_t bytes = 0;
    for (const block::LogRange& range : record.log.ranges) bytes += range.end - range.begin;
    if (synced && bytes > settings_.verify_durable_bytes) co_return true;
    const std::vector<block::LogRange> ranges = record.log.ranges;
    const block::Verification seen = co_await log_.verify(ranges);
    switch (seen.state) {
        case block::LogState::intact:
            // Each block that was found is authentic; only the hash tells whether one was passed over.
            why_ = "blocks are missing";
            co_return seen.tags_hash == record.log.tags_hash;
        case block::LogState::missing_segment:
            // No crash's doing: segments are created, durably, before anything newer is written. After a sync
            // a segment may be removed once nothing in it is alive (completeness_of asks for that); before,
            // the folder is not complete.
            if (synced) co_return true;
            missing_ = seen.segment;
            co_return false;
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

void Recovery::damaged_though_synced(const CommitRecord& record) {
    result_.damaged_blocks = true;
    result_.note("A part of " + name(record) + " is damaged, which was synced: " + why_ +
                 ". What is affected cannot be read.");
}

// Keeps the heads that were synced, whole or not, and those that are whole. What remains is a crash's tail:
// its sync had not returned, so nobody was promised anything, and it is no branch of a fork either.
asio::awaitable<void> Recovery::verify_heads() {
    std::vector<Candidate> kept;
    for (Candidate& head : heads_) {
        result_.seen_generation = std::max(result_.seen_generation, head.record.generation);
        const bool good = co_await whole(head.record, head.synced);
        const GivenUpTail tail{head.record.address, head.record.generation};
        if (!good && missing_) {
            incomplete_.emplace_back(tail, "The vault is not complete: " + name(head.record) + " needs " +
                                               block::describe(*missing_) +
                                               ", which is missing. Wait until the folder is synchronised.");
            continue;
        }
        if (!good && !head.synced) {
            given_up_.push_back(tail);
            std::string sentence =
                "The newest " + name(head.record) + " was cut off by a crash: " + why_ + ".";
            torn_.emplace_back(std::move(head.record), std::move(sentence));
            continue;
        }
        if (!good) damaged_though_synced(head.record);
        kept.push_back(std::move(head));
    }
    heads_ = std::move(kept);
}

// Each branch of a fork may end in a crash of its own. From the newest on, so that of one history with several
// crashes in it only the last one is looked at.
asio::awaitable<void> Recovery::use_parents_of_torn() {
    std::ranges::sort(torn_,
                      [](const auto& a, const auto& b) { return a.first.generation > b.first.generation; });
    for (auto& [record, sentence] : torn_) co_await use_parent_of(std::move(record), std::move(sentence));
}

// The state before a torn commit is a head as well, unless a later one was built on it: then the crash is
// history, and not worth a word.
asio::awaitable<void> Recovery::use_parent_of(CommitRecord torn, std::string sentence) {
    std::optional<Candidate> parent = co_await search_.parent_of(torn);
    if (!parent && torn.parent) parent = co_await search_.newest_below(torn.parent_generation);
    if (parent) {
        const bool past = co_await heads_descend_from(version_of(parent->record));
        if (past) co_return;
    }
    result_.judge(Verdict::crash_tail, std::move(sentence));
    if (!parent) co_return;
    result_.seen_generation = std::max(result_.seen_generation, parent->record.generation);
    const bool good = co_await whole(parent->record, true);
    if (!good) damaged_though_synced(parent->record);
    co_await add_head(std::move(*parent));
}

asio::awaitable<bool> Recovery::heads_descend_from(ReplicaVersion commit) {
    for (const Candidate& head : heads_) {
        const bool past = co_await graph_.descends(head.record, commit);
        if (past) co_return true;
    }
    co_return false;
}

// In place of those that are its past.
asio::awaitable<void> Recovery::add_head(Candidate added) {
    std::vector<Candidate> others;
    for (Candidate& head : heads_) {
        const ReplicaVersion version = version_of(head.record);
        const bool past = co_await graph_.descends(added.record, version);
        if (!past) others.push_back(std::move(head));
    }
    heads_ = std::move(others);
    heads_.push_back(std::move(added));
}

// Of several heads the one that was asked for is the first.
void Recovery::begin_with(const HistoryId& history) {
    const auto wanted = std::ranges::find_if(
        heads_, [&](const Candidate& head) { return history_of(head.record).id() == history; });
    if (wanted == heads_.end())
        throw Error(std::errc::invalid_argument, "The vault has no history of that id; see \"fork list\".");
    std::rotate(heads_.begin(), wanted, wanted + 1);
}

// A head whose segments are not all there may be a newer state than any that is: it is passed over only if the
// state that is used has given it up. (Passed over, not forgotten: should it become whole, it is a fork.)
void Recovery::refuse_incomplete() {
    for (const auto& [tail, sentence] : incomplete_) {
        const bool given_up = !heads_.empty() && std::ranges::find(heads_.front().record.given_up, tail) !=
                                                     heads_.front().record.given_up.end();
        if (!given_up) throw Error(Errc::vault_incomplete, sentence);
    }
}

// The next commits name the tails that a crash left here: a cleaner may then remove what only they refer to.
void Recovery::remember_given_up(CommitRecord& chosen) {
    const auto& listed = log_.catalog().segments();
    std::erase_if(chosen.given_up, [&](const GivenUpTail& tail) {
        return std::ranges::find(listed, tail.record.segment, &block::ListedSegment::id) == listed.end();
    });
    for (const GivenUpTail& tail : given_up_) {
        if (std::ranges::find(chosen.given_up, tail) == chosen.given_up.end())
            chosen.given_up.push_back(tail);
    }
    if (chosen.given_up.size() > max_given_up) {
        chosen.given_up.erase(chosen.given_up.begin(),
                              chosen.given_up.end() - static_cast<std::ptrdiff_t>(max_given_up));
    }
}

// The next commits name the segments that are not sealed now: should somebody else go on in one, its size tells.
void Recovery::remember_left_open(CommitRecord& chosen) const {
    chosen.left_open.clear();
    for (const block::ListedSegment& segment : log_.catalog().segments()) {
        if (chosen.left_open.size() == max_left_open) break;
        if (!may_be_sealed(segment)) chosen.left_open.push_back({segment.id, segment.size_bytes});
    }
}

// Heads that none of the others was built on are histories that did not know of each other.
asio::awaitable<void> Recovery::look_for_fork() {
    CommitRecord& chosen = heads_.front().record;
    for (std::size_t i = 1; i < heads_.size(); ++i) {
        const CommitRecord& other = heads_[i].record;
        const ReplicaVersion version = version_of(other);
        const bool past = co_await graph_.descends(chosen, version);
        if (past) continue;
        if (result_.histories.empty()) result_.histories.push_back(history_of(chosen));
        result_.histories.push_back(history_of(other));
        std::string sentence =
            "The vault has two histories, of different mounts that did not know of each other: " +
            name(chosen) + " and " + name(other) + ". The first one is used.";
        if (settings_.accept_fork) {
            given_up_.push_back({other.address, other.generation});
            result_.note(std::move(sentence));
        } else {
            result_.judge(Verdict::fork, std::move(sentence));
        }
    }
}

// What is known to have been there is there still if a head was built on it, whichever, or has given it up.
asio::awaitable<void> Recovery::look_for_known() {
    if (!settings_.known) co_return;
    const ReplicaVersion known = *settings_.known;
    result_.seen_generation = std::max(result_.seen_generation, known.commit.generation);
    for (const Candidate& head : heads_) {
        const bool there = co_await graph_.descends(head.record, known);
        if (there) co_return;
    }
    const CommitRecord& chosen = heads_.front().record;
    const bool given_up = co_await search_.has_given_up(chosen, known.commit);
    if (given_up) co_return;
    std::string sentence = "The vault is older than this machine has seen it: commit " +
                           std::to_string(raw(known.commit.generation)) +
                           " is not there, the newest one is " + name(chosen) + " of " +
                           utc_text(time_of(chosen)) + ". What was written after that is missing.";
    if (settings_.accept_rollback) {
        result_.note(std::move(sentence));
    } else {
        result_.judge(Verdict::rolled_back, std::move(sentence));
    }
}

}  // namespace

HistoryHead history_of(const CommitRecord& head) {
    return {version_of(head), time_of(head), head.counters};
}

HistoryId HistoryHead::id() const {
    HistoryId id{};
    std::copy_n(version.commit.session.bytes.begin(), id.size(), id.begin());
    return id;
}

void Recovered::judge(Verdict found, std::string sentence) {
    if (found > verdict) {
        std::swap(why, sentence);
        verdict = found;
    }
    if (!sentence.empty()) note(std::move(sentence));
}

asio::awaitable<Recovered> recover(block::LogReader& log, RecoverySettings settings) {
    Recovery recovery(log, settings);
    co_return co_await recovery.run();
}

namespace {

std::vector<block::SegmentId> missing_of(const std::vector<SegmentLive>& usage,
                                         const block::SegmentCatalog& catalog) {
    std::vector<block::SegmentId> missing;
    for (const SegmentLive& entry : usage) {
        if (entry.bytes > 0 && !catalog.is_listed(entry.segment)) missing.push_back(entry.segment);
    }
    return missing;
}

}  // namespace

asio::awaitable<Completeness> completeness_of(Tree& tree, block::SegmentCatalog& catalog) {
    Completeness found;
    const auto read_usage = [&tree] { return tree.segment_usage(); };
    std::vector<SegmentLive> usage;
    std::exception_ptr error;
    try {
        usage = co_await tree.retry(read_usage);
    } catch (...) {
        error = std::current_exception();
    }
    if (has_code(error, Errc::corrupt)) {
        found.why = "The table of live bytes is damaged, so whether all segments are there is not known: " +
                    describe(error);
        co_return found;
    }
    if (error) std::rethrow_exception(error);
    if (missing_of(usage, catalog).empty()) co_return found;
    co_await catalog.refresh();
    const std::vector<block::SegmentId> missing = missing_of(usage, catalog);
    if (missing.empty()) co_return found;
    found.verdict = Verdict::incomplete;
    found.why = "The vault is not complete: " + std::to_string(missing.size()) +
                " segments with live data are missing, the first is number " +
                std::to_string(missing.front().sequence) + ". Wait until the folder is synchronised.";
    co_return found;
}

}  // namespace demofs::tree
