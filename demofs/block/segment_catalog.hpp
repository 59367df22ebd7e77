// What is known of the vault's segments: which objects hold one, and the opened headers of those in use.
//
// Problem: a vault has thousands of segments, and an address names one by its id; neither should a mount read
// every header, nor a block read derive a key anew. So names are decrypted at once (the list) and headers are
// opened when a block of theirs is first read. One catalog serves a mount from its recovery to its end: what
// recovery has opened is open for the readers.
//
// Threads: the core thread. Owns nothing that needs cleanup; store and keys must outlive it. Memory: about
// 100 bytes for each segment, and 300 more for each that was used.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "demofs/block/segment.hpp"
#include "demofs/store/object_store.hpp"

namespace demofs::block {

/// A segment as its object's name tells; its header is not proved yet.
struct ListedSegment {
    SegmentId id;
    std::string object;
    std::uint64_t size_bytes = 0;
};

class SegmentCatalog {
  public:
    SegmentCatalog(store::ObjectStore& store, const crypto::VaultKeys& keys) : store_(store), keys_(keys) {}
    SegmentCatalog(const SegmentCatalog&) = delete;
    SegmentCatalog& operator=(const SegmentCatalog&) = delete;

    /// Lists the store: before anything else, and again to see what others did. The list shows what was there
    /// then; segments that this session creates are not in it.
    [[nodiscard]] boost::asio::awaitable<void> refresh();

    /// All segments of the list, newest first.
    [[nodiscard]] const std::vector<ListedSegment>& segments() const { return segments_; }
    [[nodiscard]] bool is_listed(const SegmentId& id) const { return listed(id) != nullptr; }
    /// How many objects cannot be segments of this vault, by their names: they are ignored.
    [[nodiscard]] std::size_t foreign_objects() const { return foreign_objects_; }
    /// The sequence number for the first segment of a new session: above every listed one.
    [[nodiscard]] std::uint64_t next_sequence() const;

    /// The size of the segment's object as listed; lists anew if it is not known yet. Throws
    /// Error(Errc::vault_incomplete) if there is none.
    [[nodiscard]] boost::asio::awaitable<std::uint64_t> size_of(SegmentId id);

    /// The segment if its header is already open, else null.
    [[nodiscard]] SharedSegment peek(const SegmentId& id) const;

    /// The segment, its header read and opened if need be, or the copy of it with which a sealed object ends.
    /// Throws Error(Errc::vault_incomplete) if there is no object of its name, Errc::corrupt if the header is
    /// cut, or neither is authentic, or the store's error.
    [[nodiscard]] boost::asio::awaitable<SharedSegment> find(SegmentId id);

    /// Of a segment whose header does not open: whether a crash may have left it so. A header is written in
    /// one sector, and its tag is not zeros: if zeros are in the tag's place, or the object ends before it,
    /// the header never reached the disk. Anything else was a header once, and is damaged.
    [[nodiscard]] boost::asio::awaitable<bool> header_was_never_written(SegmentId id);

    /// Makes a segment that this session creates known.
    void add(SharedSegment segment);

  private:
    const ListedSegment* listed(const SegmentId& id) const;
    boost::asio::awaitable<std::optional<Segment>> find_copy(SegmentId id, std::string name);

    store::ObjectStore& store_;
    const crypto::VaultKeys& keys_;
    std::vector<ListedSegment> segments_;  // newest first
    std::size_t foreign_objects_ = 0;
    std::unordered_map<SegmentId, SharedSegment> opened_;
};

}  // namespace demofs::block
