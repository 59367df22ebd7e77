// The paths of inodes, as far as memory tells: for the report of what an unmount could not save.
//
// A tree of files does not know the names of an inode; directories are searched from the root. Nothing is
// read: what made the report necessary may be a store that does not answer. What was changed lately is mostly
// in memory.
//
// Threads: the core.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/fs/filesystem.hpp"

namespace demofs::app {

/// One path below the root for each of `inodes` that is found among the first `most_entries` entries that
/// memory holds, directories near the root first.
std::map<InodeNumber, std::string> paths_in_memory(fs::Filesystem& filesystem,
                                                   const std::vector<InodeNumber>& inodes,
                                                   std::size_t most_entries = 20'000);

}  // namespace demofs::app
