// Finds the commit on which a mount starts: the newest one that is whole.
//
// What a crash can leave: the newest commit's bytes were written and not synced, so any part of them may be
// missing. Then its parent is the vault's state, whole, because no record is appended before the sync of the
// one before has returned. Everything else that does not verify is damage, or a folder that is not fully
// synchronised, and is reported, never passed over:
//
//   newest record verifies                          use it
//   it does not, and nothing proves it was synced   crash tail: use its parent (a note)
//   it does not, but it was synced                  damage: use it; single blocks will fail to read (damaged)
//   a record that should be there cannot be read,
//     or the header of a segment that may have one  damage: use the next older one (damaged, older)
//   a segment it refers to is missing               Error(Errc::vault_incomplete), unless it was synced: then
//                                                   require_complete tells whether anything in it is alive
//   an authentic record cannot be decoded           Error(Errc::unsupported_format)
//   records of two sessions, neither before the other   fork: as RecoverySettings::on_fork says
//   segments, but no record                         Error(Errc::vault_damaged)
//   no segments                                     a fresh vault
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

/// What becomes of a vault with two histories that did not know of each other. The branch of the highest
/// generation is the state.
enum class OnFork {
    refuse,  ///< throw Error(Errc::forked)
    show,    ///< for who only reads: a note, and Recovered::fork
    accept,  ///< a note, and the commits that follow give up the other branches
};

struct RecoverySettings {
    OnFork on_fork = OnFork::refuse;
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
    std::unique_ptr<CommitRecord> record;  ///< null: a fresh vault
    bool damaged = false;                  ///< parts of the vault, or newer commits, are lost
    bool older = false;               ///< newer commits are or may be lost: who writes now makes that final
    bool fork = false;                ///< there are other branches; not with OnFork::refuse
    std::vector<std::string> notes;   ///< sentences for the log
    std::uint64_t next_sequence = 1;  ///< for the first segment of a new session
    Generation seen_generation{0};    ///< highest of any record, used or not: TreeSettings wants it

    void note(std::string sentence) { notes.push_back(std::move(sentence)); }
    void damage(std::string sentence) {
        damaged = true;
        note(std::move(sentence));
    }
    void lose_commits(std::string sentence) {
        older = true;
        damage(std::move(sentence));
    }
};

/// Recovers from what `log`'s catalog lists. Throws Error as above, or the store's error.
boost::asio::awaitable<Recovered> recover(block::LogReader& log, RecoverySettings settings);

/// Throws Error(Errc::vault_incomplete), naming how many, if segments that `tree` says hold live bytes are not
/// in the store: the folder is not fully synchronised, or they were deleted. Lists the store anew before it says
/// so, because a writer beside may have created them since. Returns a sentence if that cannot be told, because
/// the table of live bytes is damaged: it can be computed anew, and everything else is as good as before. Both
/// arguments must outlive the call.
[[nodiscard]] boost::asio::awaitable<std::optional<std::string>> require_complete(
    Tree& tree, block::SegmentCatalog& catalog);

}  // namespace demofs::tree
