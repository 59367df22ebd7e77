// One step of freeing what an orphan record asks for: one atomic change of a bounded size.
// Threads: the core. Throws tree::NodeFault (nothing done), Error.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>

#include "demofs/tree/tree.hpp"

namespace demofs::fs {

inline constexpr std::size_t extents_per_reclaim_step = 256;

enum class Reclaimed {
    partly,  ///< call again
    all,     ///< the orphan record is gone, or what is left of it has to wait until nobody uses the inode
};

/// Works on the orphan record of `number`, if there is one. The inode itself is only freed if it is not
/// `in_use`.
Reclaimed reclaim_step(tree::Tree& tree, std::uint64_t number, bool in_use);

/// Frees all content that the orphan record of `number` asks for, step by step. Throws what the tree throws.
boost::asio::awaitable<void> reclaim_data(tree::Tree& tree, std::uint64_t number);

}  // namespace demofs::fs
