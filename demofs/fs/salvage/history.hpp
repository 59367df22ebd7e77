// Which blocks belong to one history of a vault.
//
// Two machines that did not know of each other have given the same numbers to different files, so blocks of
// both must never be put together. Each segment's header names the commit that its session was built on: what
// belongs to the history of a session is all that it wrote itself, what its base session wrote up to the
// base, and so on.
//
// If no segment of a session on this way can be opened any more, the way is broken. What was written before
// the missing base, and is not known to belong to another branch, is then taken for its past.
//
// Threads: values.
#pragma once

#include <unordered_map>
#include <vector>

#include "demofs/base/commit_id.hpp"
#include "demofs/base/types.hpp"
#include "demofs/block/segment.hpp"

namespace demofs::fs {

class History {
  public:
    using Origins = std::unordered_map<SessionId, block::Origin>;

    /// The past of `tip`, and the commit itself: all of its session up to its generation.
    History(const Origins& origins, const CommitId& tip);

    /// Whether what `session` wrote for the commit attempt `birth` belongs to it.
    [[nodiscard]] bool has(const SessionId& session, Generation birth) const;

    /// Whether a session on the way is missing.
    [[nodiscard]] bool is_broken() const { return raw(broken_at_) != 0; }

  private:
    std::unordered_map<SessionId, Generation> until_;  // how far each session of the way belongs to it
    Generation broken_at_{0};                          // the base that is missing; 0: none is
};

/// The sessions on which no other one is built, each the end of a history.
[[nodiscard]] std::vector<SessionId> ends_of_histories(const History::Origins& origins);

}  // namespace demofs::fs
