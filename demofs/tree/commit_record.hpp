// The commit record: the root of everything one commit made durable (docs/on-disk-format.md, "Commit
// record").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/base/commit_id.hpp"
#include "demofs/base/types.hpp"
#include "demofs/block/address.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::tree {

/// The newest commit of one copy of the vault that a commit is built on.
struct ReplicaVersion {
    ReplicaId replica;
    CommitId commit;

    friend bool operator==(const ReplicaVersion&, const ReplicaVersion&) = default;
};

/// A record that is not built upon, and known not to be: it was found torn after a crash, or it is the end of
/// another branch that somebody decided against. The segments that only it names may be gone.
struct GivenUpTail {
    block::BlockAddress record;
    Generation generation{0};

    friend bool operator==(const GivenUpTail&, const GivenUpTail&) = default;
};

/// A segment that had no seal when the record's session started: its writer crashed, or goes on elsewhere. Then
/// it will not be as it was.
struct LeftOpen {
    block::SegmentId segment;
    std::uint64_t size_bytes = 0;  ///< of its object then

    friend bool operator==(const LeftOpen&, const LeftOpen&) = default;
};

/// Set in the type of a section that a reader must understand: one that does not know the type refuses the
/// record. Sections without it are skipped by who does not know them, and are not in the records it writes.
inline constexpr std::uint16_t critical_section = 0x8000;

struct CommitRecord {
    Generation generation{0};  ///< of the attempt: grows from parent to child, never used twice by a session
    Generation parent_generation{0};
    block::BlockAddress parent;  ///< the record of the commit before; none for a vault's first
    SessionId session;
    std::int64_t time_ns = 0;  ///< wall clock, since 1970

    block::BlockAddress root;
    Generation root_birth{0};  ///< the attempt that stored the root: this one, if anything was changed
    unsigned root_level = 0;
    Counters counters;
    std::uint64_t number_limit = 0;  ///< all numbers below may have been given out

    block::LogDigest log;  ///< what this commit relies on beyond its parent, without the record itself
    /// Changes of live bytes, up to this commit, that are not in the tree's segment_usage entries; sorted.
    std::vector<SegmentLive> usage;
    /// One for each copy of the vault, newest last, the writer's own included. Writers keep at most
    /// max_versions; readers take any number.
    std::vector<ReplicaVersion> versions;
    /// Oldest first, at most max_given_up; those whose record's segment is gone are forgotten.
    std::vector<GivenUpTail> given_up;
    /// Newest first, at most max_left_open.
    std::vector<LeftOpen> left_open;

    block::BlockAddress address;  ///< of the record itself; not stored in it

    CommitId id() const { return {session, generation}; }
};

inline constexpr std::size_t max_versions = 64;
inline constexpr std::size_t max_given_up = 64;
inline constexpr std::size_t max_left_open = 64;

/// Sets `replica`'s entry to `commit` and moves it to the end; forgets the oldest beyond max_versions.
void note_version(std::vector<ReplicaVersion>& versions, const ReplicaId& replica, const CommitId& commit);

/// Throws Error(Errc::writes_failed) if the record is larger than a block may be.
SharedBytes encode_commit_record(const CommitRecord& record);

/// Throws Error(Errc::corrupt) for what encode_commit_record does not produce, and
/// Error(Errc::unsupported_format) for a record of a newer version or with critical sections that are not
/// known here.
CommitRecord decode_commit_record(ByteSpan payload);

/// The value of a segment_usage entry.
Bytes encode_segment_usage(std::uint64_t salt, std::int64_t live_bytes);
SegmentLive decode_segment_usage(const Key& key, ByteSpan value);

}  // namespace demofs::tree
