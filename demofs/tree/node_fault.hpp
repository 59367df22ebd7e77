// Thrown by a synchronous tree operation that needs a node which is not in memory. Nothing has been changed
// when it is thrown: await Tree::load(fault) and run the operation again. (What a page fault is to a
// program.)
#pragma once

#include <exception>
#include <utility>
#include <vector>

#include "demofs/block/address.hpp"

namespace demofs::tree {

struct NodeFault : std::exception {
    explicit NodeFault(const block::BlockAddress& where, std::vector<block::BlockAddress> beside = {})
        : address(where), neighbours(std::move(beside)) {}
    const char* what() const noexcept override { return "a tree node is not in memory"; }

    block::BlockAddress address;
    /// More nodes that are not in memory, cheap to read together with it and likely to be missed next.
    std::vector<block::BlockAddress> neighbours;
};

}  // namespace demofs::tree
