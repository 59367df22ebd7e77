// Finds the commit on which a mount starts: the newest one that is whole.
//
// What a crash can leave: the newest commit's bytes were written and not synced, so any part of them may be
// missing. Then its parent is the vault's state, whole, because no record is appended before the sync of the
// one before has returned. Everything else that does not verify is damage, or a folder that is not fully
// synchronised, and is said, never passed over. What is found ends in one verdict:
//
//   newest record verifies                                 clean
//   it does not, and nothing proves it was synced          crash tail: its parent is used
//   it does not, but it was synced                         as it is; what is damaged in it fails to read (a note)
//   records of two sessions, neither before the other      fork: the branch of the highest generation is shown
//   the commit that is known to be there is not            rolled back: what is there is shown
//   a record that should be there cannot be read, or the   damaged: the next older one is shown, or nothing if
//     header of a segment that may have one                  no record at all is whole
//   a segment it refers to is missing                      incomplete: nothing is shown. (If the record was
//                                                            synced, completeness_of tells)
//   an authentic record cannot be decoded                  unsupported: nothing is shown
//   no segments                                            clean, and no record: a fresh vault
//
// A record was synced if its segment is sealed, if a later record of its session exists (only appended after
// that sync), or if it is the parent of another.
//
// Threads: the core, before anything is mounted. Reads only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/block/log_reader.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::tree {

/// What a vault's newest state is worth, from good to bad; the worst that is found counts.
enum class Verdict {
    clean,
    crash_tail,   ///< a commit that nobody was told to be durable is passed over: to be used as it is
    fork,         ///< two histories that did not know of each other: to be read only, until one is chosen
    rolled_back,  ///< older than what is known to have been there: to be read only, until that is accepted
    damaged,  ///< newer commits are lost, or may be: to be read only; nothing to show if there is no record
    incomplete,   ///< segments are missing: not to be used
    unsupported,  ///< written by a newer version: not to be used
};

/// Names one of several histories to a user: the first bytes of its newest commit's session.
using HistoryId = std::array<std::byte, 4>;

/// A history of a vault, as its newest commit has it.
struct HistoryHead {
    ReplicaVersion version;
    std::chrono::sys_seconds time;  ///< of the commit, by its writer's clock
    Counters counters;

    HistoryId id() const;
};

/// The history that ends with this commit.
[[nodiscard]] HistoryHead history_of(const CommitRecord& head);

struct RecoverySettings {
    /// The newest commit that is known to have been durable, from a memory outside of the vault; none: nothing is
    /// known, and an older state looks like a new one.
    std::optional<ReplicaVersion> known;
    std::optional<HistoryId> history;  ///< of several, the one to use; none: that with the highest generation
    bool accept_fork = false;          ///< go on with the branch that is shown: commits give the others up
    bool accept_rollback = false;      ///< go on with what is there, although it is older than what is known
    /// Commits that are known to have been synced are verified only up to this size; crash tails always.
    /// Damage in what is larger is found when it is read.
    std::uint64_t verify_durable_bytes = 1u << 20;
    /// Bytes behind the last readable record of sealed segments that are looked at for a damaged one.
    std::uint64_t tail_bytes = 64u << 20;
    /// Segments below the newest record's that are looked at for another session's records; and of those whose
    /// number is there twice.
    std::size_t fork_search_segments = 64;
    /// The same, of those without a seal that the heads do not know of.
    std::size_t unsealed_search_segments = 8;
};

struct Recovered {
    Verdict verdict = Verdict::clean;
    std::string why;                       ///< of the verdict, as a sentence; empty if it is clean
    std::unique_ptr<CommitRecord> record;  ///< null: a fresh vault, or nothing that may be used
    bool damaged_blocks = false;           ///< something that the record refers to cannot be read
    std::vector<std::string> notes;        ///< more sentences, for the log
    std::uint64_t next_sequence = 1;       ///< for the first segment of a new session
    /// Highest of any record, used or not, and of the one that is known: TreeSettings wants it.
    Generation seen_generation{0};
    std::vector<HistoryHead>
        histories;  ///< if there are several, accepted or not: the one that is used first

    void note(std::string sentence) { notes.push_back(std::move(sentence)); }
    /// Keeps the worse verdict with its sentence; the other sentence becomes a note.
    void judge(Verdict found, std::string sentence);
};

/// Recovers from what `log`'s catalog lists. Throws the store's error, and std::errc::invalid_argument if there is
/// no history as the settings ask for; what the vault is like is the verdict.
boost::asio::awaitable<Recovered> recover(block::LogReader& log, RecoverySettings settings);

/// Whether the segments are all there.
struct Completeness {
    Verdict verdict = Verdict::clean;  ///< or incomplete
    std::string why;  ///< as a sentence; if it is clean, why it could not be told, or nothing
};

/// Whether all segments that `tree` says hold live bytes are in the store; if not, the folder is not fully
/// synchronised, or they were deleted. Lists the store anew before it says so, because a writer beside may have
/// created them since. If the table of live bytes is damaged it cannot be told: that can be computed anew, and
/// everything else is as good as before. Throws the store's error. Both arguments must outlive the call.
[[nodiscard]] boost::asio::awaitable<Completeness> completeness_of(Tree& tree,
                                                                   block::SegmentCatalog& catalog);

}  // namespace demofs::tree
