// A segment as its name and header describe it: identity, session and key. Format: docs/on-disk-format.md,
// "Segments".
//
// Threads: values and pure functions; a Segment may be used by any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "demofs/base/bytes.hpp"
#include "demofs/base/commit_id.hpp"
#include "demofs/base/types.hpp"
#include "demofs/block/address.hpp"
#include "demofs/block/format.hpp"
#include "demofs/crypto/keys.hpp"

namespace demofs::block {

/// Names one segment's key: 128 random bits, in its header.
using SegmentUid = std::array<std::byte, 16>;

/// Who writes a segment, and on what it is built. It is in the header of each, so that the ancestry of sessions
/// is known from headers alone.
struct Origin {
    Origin() = default;
    /// A session that starts on nothing, on an unnamed copy of the vault.
    Origin(const SessionId& id) : session(id) {}

    SessionId session;  ///< one mount
    ReplicaId replica;
    CommitId base;  ///< what the session has started on; none for a fresh vault

    friend bool operator==(const Origin&, const Origin&) = default;
};

struct Segment {
    SegmentId id;
    std::string object;  ///< its name in the object store
    SegmentUid uid{};
    Origin origin;
    std::int64_t created = 0;  ///< seconds since 1970, by the clock of the machine that created it
    crypto::VaultId vault{};
    crypto::AeadKey key;     ///< of its blocks
    bool from_copy = false;  ///< the header at the object's begin is damaged: this is from its copy
};

/// Segments are shared by readers, writers and the catalog; the key is wiped when the last one lets go.
using SharedSegment = std::shared_ptr<const Segment>;

/// The object that holds segment `id`: 32 hexadecimal digits.
[[nodiscard]] std::string object_name(const crypto::VaultKeys& keys, const SegmentId& id);

/// The segment that an object of this name would hold; nothing if the name cannot be one of this vault's. The
/// name proves nothing: only the object's header does.
[[nodiscard]] std::optional<SegmentId> segment_of_object(const crypto::VaultKeys& keys,
                                                         std::string_view name);

/// A new segment of this sequence number, with a random salt and uid, hence a key that was never used.
[[nodiscard]] Segment new_segment(const crypto::VaultKeys& keys, std::uint64_t sequence,
                                  const Origin& origin);

/// The segment's first segment_header_bytes, and its last ones if it is sealed. The header's key seals this one
/// message: each call gives the same bytes.
[[nodiscard]] std::array<std::byte, segment_header_bytes> seal_segment_header(const crypto::VaultKeys& keys,
                                                                              const Segment& segment);

/// Opens a header read from the object of segment `id`; nothing if it is not authentic (another vault's,
/// another object's, damaged, cut). Throws Error(Errc::unsupported_format) for an authentic one of a newer
/// format.
[[nodiscard]] std::optional<Segment> open_segment_header(const crypto::VaultKeys& keys, const SegmentId& id,
                                                         ByteSpan stored);

/// "segment 12 (object 00ff…)", for messages.
[[nodiscard]] std::string describe(const Segment& segment);
[[nodiscard]] std::string describe(const SegmentId& id);

}  // namespace demofs::block
