// The operations that only read, each a plain function over the tree. Exceptions as for change.hpp.
//
// `adjust` gets every record before it becomes attributes, so that buffered writes can be added.
// Threads: the core.
#pragma once

#include <functional>
#include <optional>

#include "demofs/base/result.hpp"
#include "demofs/fs/model/operations.hpp"
#include "demofs/fs/namespace/change.hpp"
#include "demofs/fs/records/inode_record.hpp"

namespace demofs::fs {

using AdjustRecord = std::function<void(InodeNumber, InodeRecord&)>;

/// The inode's record as it stands in the tree.
std::optional<InodeRecord> read_inode(tree::Tree& tree, InodeNumber inode);

Result<Attributes> answer(const Namespace& where, const Lookup& lookup, const AdjustRecord& adjust);
Result<Attributes> answer(const Namespace& where, const GetAttributes& get, const AdjustRecord& adjust);
Result<std::string> answer(const Namespace& where, const ReadLink& link, const AdjustRecord& adjust);
Result<std::vector<DirectoryEntry>> answer(const Namespace& where, const ReadDirectory& list,
                                           const AdjustRecord& adjust);

}  // namespace demofs::fs
