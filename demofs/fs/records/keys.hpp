// Which key of the tree holds what, for the kinds that the fs layer uses. Pure functions.
#pragma once

#include <cstdint>
#include <limits>

#include "demofs/base/types.hpp"
#include "demofs/tree/key.hpp"

namespace demofs::fs {

inline constexpr std::uint64_t max_key = std::numeric_limits<std::uint64_t>::max();

inline tree::Key inode_key(InodeNumber inode) {
    return {raw(inode), tree::Kind::inode, 0};
}
inline tree::Key dirent_key(InodeNumber directory, std::uint64_t cookie) {
    return {raw(directory), tree::Kind::dirent, cookie};
}
inline tree::Key inline_data_key(DataId data) {
    return {raw(data), tree::Kind::inline_data, 0};
}
inline tree::Key extent_key(DataId data, std::uint64_t offset) {
    return {raw(data), tree::Kind::extent, offset};
}
/// `number` is an inode number or a data id: both come from one sequence, and one record serves both
/// meanings.
inline tree::Key orphan_key(std::uint64_t number) {
    return {0, tree::Kind::orphan, number};
}

}  // namespace demofs::fs
