// One atomic change of the tree: entries to put and to erase, and the bytes of file data that became
// referenced or unreferenced by it. A plain value, built by an operation of the fs layer, applied by
// Tree::apply.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/block/address.hpp"
#include "demofs/tree/key.hpp"

namespace demofs::tree {

struct Changes {
    struct Entry {
        Key key;
        std::optional<Bytes> value;  ///< empty: erase (erasing an absent key is an error)
    };
    /// Live file data that this change adds to (positive) or takes from (negative) a segment, in payload
    /// bytes.
    struct Usage {
        block::SegmentId segment;
        std::int64_t bytes = 0;
    };

    void put(const Key& key, Bytes value) { entries.push_back({key, std::move(value)}); }
    void erase(const Key& key) { entries.push_back({key, std::nullopt}); }
    void use(const block::SegmentId& segment, std::int64_t bytes) { usage.push_back({segment, bytes}); }

    std::vector<Entry> entries;  ///< each key at most once
    std::vector<Usage> usage;
};

}  // namespace demofs::tree
