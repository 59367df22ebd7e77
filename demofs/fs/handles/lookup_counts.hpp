// How often the kernel has been told of an inode and has not yet forgotten it. Threads: the core.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "demofs/base/types.hpp"

namespace demofs::fs {

class LookupCounts {
  public:
    void retain(InodeNumber inode) { ++counts_[inode]; }

    /// Whether the kernel knows the inode no longer.
    bool forget(InodeNumber inode, std::uint64_t count) {
        const auto found = counts_.find(inode);
        if (found == counts_.end()) return true;
        if (found->second > count) {
            found->second -= count;
            return false;
        }
        counts_.erase(found);
        return true;
    }

    bool known(InodeNumber inode) const { return counts_.contains(inode); }
    void clear() { counts_.clear(); }

  private:
    std::unordered_map<InodeNumber, std::uint64_t> counts_;
};

}  // namespace demofs::fs
