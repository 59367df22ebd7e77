// What must hold between the entries of a tree, checked from outside: every sentence returned is a
// contradiction.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "demofs/tree/tree.hpp"

namespace demofs::fs::test {

struct StoredEntry {
    tree::Key key;
    Bytes value;
};

std::vector<std::string> find_contradictions(const std::vector<StoredEntry>& entries);

// All entries of the tree but the usage of segments.
boost::asio::awaitable<std::vector<StoredEntry>> entries_of(tree::Tree& tree);

// Live bytes of file data by segment, according to the extents.
std::map<block::SegmentId, std::int64_t> data_usage_of(const std::vector<StoredEntry>& entries);

}  // namespace demofs::fs::test
