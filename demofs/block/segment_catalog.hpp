// What is known of the vault's segments: which objects hold one, and the opened headers of those in use.
//
// Problem: a vault has thousands of segments, and an address names one by its id; neither should a mount read
// every header, nor a block read derive a key anew. So names are decrypted at once (the list) and headers are
// opened when a block of theirs is first read.
//
// Threads: the core thread. Owns nothing that needs cleanup; store and keys must outlive it. Memory: about
// 300 bytes for each segment that was used.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "demofs/block/segment.hpp"
#include "demofs/store/object_store.hpp"

namespace demofs::block {

struct ListedSegment {
    SegmentId id;
    std::string object;
    std::uint64_t size_bytes = 0;
};

struct SegmentList {
    std::vector<ListedSegment> segments;  ///< newest first; their headers are not yet proved
    std::size_t foreign_objects = 0;      ///< whose names cannot be segments of this vault: ignored

    /// The sequence number for the first segment of a new session: above every existing one.
    [[nodiscard]] std::uint64_t next_sequence() const;
};

class SegmentCatalog {
  public:
    SegmentCatalog(store::ObjectStore& store, const crypto::VaultKeys& keys) : store_(store), keys_(keys) {}
    SegmentCatalog(const SegmentCatalog&) = delete;
    SegmentCatalog& operator=(const SegmentCatalog&) = delete;

    /// Lists the store.
    [[nodiscard]] boost::asio::awaitable<SegmentList> list();

    /// The segment if its header is already open, else null.
    [[nodiscard]] SharedSegment peek(const SegmentId& id) const;

    /// The segment, its header read and opened if need be. Throws Error(Errc::vault_incomplete) if there is
    /// no object of its name, Errc::corrupt if the header is cut or not authentic, or the store's error.
    [[nodiscard]] boost::asio::awaitable<SharedSegment> find(SegmentId id);

    /// Makes a segment that this session creates known.
    void add(SharedSegment segment);

    /// Forgets a segment whose object is to be removed.
    void forget(const SegmentId& id);

  private:
    store::ObjectStore& store_;
    const crypto::VaultKeys& keys_;
    std::unordered_map<SegmentId, SharedSegment> opened_;
};

}  // namespace demofs::block
