// Checks everything that a commit of a vault refers to, and every rule between it.
//
// A commit never changes, so this runs beside a mount that writes as well as on a vault that nobody uses. It
// reads all nodes of the tree, the headers of all segments, the ranges of the newest commit, and on request every
// block of file content. It changes nothing.
//
// Threads: the core thread, decrypting there.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "demofs/block/log_reader.hpp"
#include "demofs/fs/check/entry_rules.hpp"
#include "demofs/tree/commit_record.hpp"

namespace demofs::fs {

struct CheckReport {
    std::vector<Finding> findings;  ///< none: everything is as it should be
    std::uint64_t nodes = 0;
    std::uint64_t entries = 0;
    std::uint64_t inodes = 0;
    std::uint64_t content_bytes = 0;       ///< referenced by extents
    std::uint64_t content_bytes_read = 0;  ///< of those, read and authenticated
    std::uint64_t segments = 0;
    std::uint64_t unused_segments = 0;  ///< nothing in them is referenced by this commit
    std::uint64_t foreign_objects = 0;  ///< that are no segments of this vault
};

struct CheckSettings {
    bool read_data = false;  ///< every block of file content, not only whether its place is there
    std::function<void(const CheckReport&)> on_progress;  ///< now and then, with what has been done so far
};

/// Checks `record`, the commit that recovery has chosen. What is damaged, missing or contradictory is a finding,
/// also a read error; throws only if memory is short or the store is closed. `log` must outlive the call.
[[nodiscard]] boost::asio::awaitable<CheckReport> check_vault(block::LogReader& log,
                                                              const tree::CommitRecord& record,
                                                              CheckSettings settings);

}  // namespace demofs::fs
