// Which commits are in the past of which, from the headers of segments alone.
//
// A session's commits follow one another, and the header of each of its segments names the commit that it
// started on. So the past of a commit is its session's commits up to it, then those of the base's session up to
// the base, and so on; what is not on that way is another branch. Generations fall on it, so it ends early.
//
// A segment that was removed takes its header along. If no segment of a session is left, the way is broken, and
// the version vector of the commit decides: it knows the newest commit of each copy of the vault.
//
// Threads: the core. Reads headers of listed segments, newest first, and only if they are needed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <optional>
#include <unordered_map>

#include "demofs/base/commit_id.hpp"
#include "demofs/base/types.hpp"
#include "demofs/block/segment_catalog.hpp"
#include "demofs/tree/commit_record.hpp"

namespace demofs::tree {

/// The commit as later ones know it: with the copy of the vault that made it.
[[nodiscard]] inline ReplicaVersion version_of(const CommitRecord& record) {
    return {record.versions.empty() ? ReplicaId{} : record.versions.back().replica, record.id()};
}

class SessionGraph {
  public:
    /// `catalog` must outlive the graph, and list the store already.
    explicit SessionGraph(block::SegmentCatalog& catalog) : catalog_(catalog) {}

    /// Makes the session of an opened segment known.
    void add(const block::Segment& segment) { origins_.emplace(segment.origin.session, segment.origin); }

    /// Whether `head` is `commit` or was built on it. Throws the store's error.
    [[nodiscard]] boost::asio::awaitable<bool> descends(const CommitRecord& head,
                                                        const ReplicaVersion& commit);

    /// The same for a commit whose record is not at hand; nothing if the way is broken.
    [[nodiscard]] boost::asio::awaitable<std::optional<bool>> leads_to(CommitId from, CommitId commit);

  private:
    boost::asio::awaitable<std::optional<block::Origin>> origin_of(SessionId session);

    block::SegmentCatalog& catalog_;
    std::unordered_map<SessionId, block::Origin> origins_;
    std::size_t looked_at_ = 0;  // of the catalog's segments
};

}  // namespace demofs::tree
