// What a changing operation did, beyond its reply: for fsync, and for inodes that lost their last name.
#pragma once

#include <optional>
#include <vector>

#include "demofs/base/types.hpp"

namespace demofs::fs {

struct Effects {
    Epoch epoch{};                        ///< of the tree's change
    std::vector<InodeNumber> touched;     ///< inodes and directories whose fsync must now cover that epoch
    std::optional<InodeNumber> unlinked;  ///< has no name any more, and an orphan record
    std::optional<DataId> orphaned;       ///< content of it is to be freed; it has an orphan record
};

}  // namespace demofs::fs
