// The first half of recovery: finding commit records. What they mean is decided in recovery.cpp.
//
// A session's records lie in its segments in the order of their generations, and a segment's newest one is
// found from its end. So the newest record of every session, its *head*, is found without reading any tree:
// newest segment first, until a head turns up that an earlier one was built on. What lies below is its past, but
// for another branch, which leaves one of two signs: its segments have numbers that the main line has used as
// well, or a segment that was not sealed when the main line left it behind is not as it was then.
//
// Threads: the core. Reads only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/block/log_reader.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/recovery.hpp"
#include "demofs/tree/session_graph.hpp"

namespace demofs::tree {

/// A record that the vault's state might be.
struct Candidate {
    CommitRecord record;
    bool synced = false;  ///< something proves that its sync had returned
};

/// Whether the size of the segment's object is that of a sealed one.
[[nodiscard]] bool may_be_sealed(const block::ListedSegment& segment);

/// "commit 7 (segment 12 at offset 4096)", for notes.
[[nodiscard]] std::string name(const CommitRecord& record);

class RecordSearch {
  public:
    /// Verdicts, notes and seen generations go to `result`; all four must outlive the search.
    RecordSearch(block::LogReader& log, SessionGraph& graph, const RecoverySettings& settings,
                 Recovered& result);

    /// The newest readable records of different sessions, none of them built on another, in the order found:
    /// the first is the newest one's by segments. Empty: there is none in the whole vault. Throws the store's error.
    [[nodiscard]] boost::asio::awaitable<std::vector<Candidate>> heads();

    /// The record before, which was synced because `record` exists. Nothing: it is the first one, or not
    /// readable (which is damage).
    [[nodiscard]] boost::asio::awaitable<std::optional<Candidate>> parent_of(CommitRecord record);

    /// The readable record of the highest generation below `below`, in place of a parent that is lost.
    [[nodiscard]] boost::asio::awaitable<std::optional<Candidate>> newest_below(Generation below);

    /// Whether one of the tails that `head` has given up is `commit` or was built on it.
    [[nodiscard]] boost::asio::awaitable<bool> has_given_up(const CommitRecord& head, CommitId commit);

  private:
    // What one segment has: its newest readable record, and whether an unreadable one lies behind it.
    struct Scanned {
        std::optional<Candidate> newest;
        bool torn_behind = false;
    };

    boost::asio::awaitable<Scanned> scan(block::SegmentId id, Generation below);
    boost::asio::awaitable<block::SharedSegment> segment_of(block::SegmentId id);
    // Who has written the segment; nothing if it is not there, or its header cannot be read.
    boost::asio::awaitable<std::optional<SessionId>> session_of(block::SegmentId id);
    boost::asio::awaitable<bool> is_given_up(const std::vector<Candidate>& heads, const Candidate& head);
    boost::asio::awaitable<bool> in_past_of(const std::vector<Candidate>& heads, const Candidate& head);
    boost::asio::awaitable<void> check_sealed_end(block::SegmentId id, const Scanned& scanned,
                                                  block::SealRecord seal);
    boost::asio::awaitable<void> check_tail(block::LogRange tail);
    boost::asio::awaitable<void> judge_header(block::SegmentId id);
    void look_at(const block::FoundBlock& block, Scanned& scanned);

    block::LogReader& log_;
    block::SegmentCatalog& catalog_;
    SessionGraph& graph_;
    const RecoverySettings& settings_;
    Recovered& result_;
    std::uint64_t tail_budget_;  // bytes that check_tail may still read
};

}  // namespace demofs::tree
