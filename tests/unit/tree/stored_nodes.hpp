// A place to store a BTree's nodes for tests without a block store: keeps payloads by address, answers
// faults, and plays the commit of a frozen tree.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <unordered_map>

#include "contents.hpp"
#include "demofs/tree/btree.hpp"
#include "demofs/tree/node_codec.hpp"

namespace demofs::tree::test {

class StoredNodes {
  public:
    // Stores all dirty nodes of `frozen`; returns the root's address.
    block::BlockAddress store(FrozenTree& frozen) {
        for (const NodePtr& node : frozen.dirty) store_node(node);
        generation_ = next(generation_);
        frozen.dirty.clear();
        return frozen.root.child ? frozen.root.child->address : frozen.root.address;
    }

    block::BlockAddress store_node(const NodePtr& node) {
        const SharedBytes payload = encode_node(*node);
        block::BlockAddress where;
        where.segment = {1 + next_offset_ / 1'000'000, 7};
        where.offset = static_cast<std::uint32_t>(next_offset_ % 1'000'000);
        where.payload_bytes = static_cast<std::uint32_t>(payload.size());
        next_offset_ += where.stored_bytes();
        payloads_.emplace(where, payload);
        births_.emplace(where, generation_);
        node->mark_stored(where, generation_);
        return where;
    }

    void answer(BTree& tree, const NodeFault& fault) {
        ++faults;
        tree.add_loaded(fault.address, payloads_.at(fault.address));
    }

    // Runs `operation` until it completes without a fault. It never needs more reads than the tree has nodes.
    template <class F>
    auto retry(BTree& tree, F operation) {
        for (std::size_t tries = 0; tries <= payloads_.size() + 1; ++tries) {
            try {
                return operation();
            } catch (const NodeFault& fault) {
                answer(tree, fault);
            }
        }
        throw std::logic_error("An operation faults again and again.");
    }

    void apply(BTree& tree, const Changes& changes) {
        retry(tree, [&] { return tree.check(changes); });
        tree.apply(changes);
    }

    const SharedBytes& payload(const block::BlockAddress& where) const { return payloads_.at(where); }
    // Which of the calls of store() it was that stored this node, counted from 1.
    Generation birth(const block::BlockAddress& where) const { return births_.at(where); }
    std::size_t size() const { return payloads_.size(); }

    std::size_t faults = 0;

  private:
    std::unordered_map<block::BlockAddress, SharedBytes> payloads_;
    std::unordered_map<block::BlockAddress, Generation> births_;
    std::uint64_t next_offset_ = 0;
    Generation generation_{1};
};

}  // namespace demofs::tree::test
