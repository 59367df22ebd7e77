// A node's contents in memory. A leaf keeps its values in one arena: an insertion appends, a removal leaves
// garbage, and when more than half of the arena is garbage it is copied together. So changes are cheap, and a
// leaf is a few allocations however many entries it has.
#include "demofs/tree/node.hpp"

#include <algorithm>
#include <cstring>

#include "demofs/base/invariant.hpp"

namespace demofs::tree {

Node::Node(NodeTally& owner, unsigned node_level)
    : tally(&owner), level(static_cast<std::uint8_t>(node_level)) {
    invariant(node_level <= max_level, "A tree has at most 32 levels.");
    ++tally->nodes;
    account();
}

Node::Node(const Node& other)
    : intrusive_ref_counter(other),
      tally(other.tally),
      epoch(other.epoch),
      leaf(other.leaf),
      inner(other.inner),
      next_insert(other.next_insert),
      level(other.level) {
    // Room for some more entries at once: a copy is made in order to be changed.
    arena.reserve(other.arena.size() - other.garbage + other.arena.size() / 8);
    for (LeafSlot& slot : leaf) {
        const ByteSpan bytes = other.value(slot);
        slot.offset = static_cast<std::uint32_t>(arena.size());
        arena.insert(arena.end(), bytes.begin(), bytes.end());
    }
    ++tally->nodes;
    account();
}

Node::~Node() {
    --tally->nodes;
    tally->bytes -= accounted;
    if (!address) tally->dirty_bytes -= accounted;
}

std::size_t Node::lower_bound(const Key& key) const noexcept {
    const LeafSlot* first = leaf.data();
    std::size_t count_left = leaf.size();
    while (count_left > 0) {
        const std::size_t half = count_left / 2;
        if (key_less(first[half].key, key)) {
            first += half + 1;
            count_left -= half + 1;
        } else {
            count_left = half;
        }
    }
    return static_cast<std::size_t>(first - leaf.data());
}

std::size_t Node::child_index(const Key& key) const noexcept {
    const InnerSlot* first = inner.data();
    std::size_t count_left = inner.size();
    while (count_left > 0) {  // the first slot behind `key`
        const std::size_t half = count_left / 2;
        if (!key_less(key, first[half].first)) {
            first += half + 1;
            count_left -= half + 1;
        } else {
            count_left = half;
        }
    }
    const auto behind = static_cast<std::size_t>(first - inner.data());
    return behind == 0 ? 0 : behind - 1;
}

void Node::insert_entry(std::size_t index, const Key& key, ByteSpan bytes) {
    LeafSlot slot;
    slot.key = key;
    slot.offset = static_cast<std::uint32_t>(arena.size());
    slot.length = static_cast<std::uint32_t>(bytes.size());
    arena.insert(arena.end(), bytes.begin(), bytes.end());
    leaf.insert(leaf.begin() + static_cast<std::ptrdiff_t>(index), slot);
    account();
}

void Node::replace_value(std::size_t index, ByteSpan bytes) {
    LeafSlot& slot = leaf[index];
    if (bytes.size() > slot.length) {
        garbage += slot.length;
        slot.offset = static_cast<std::uint32_t>(arena.size());
        arena.insert(arena.end(), bytes.begin(), bytes.end());
    } else {
        if (!bytes.empty()) std::memcpy(arena.data() + slot.offset, bytes.data(), bytes.size());
        garbage += slot.length - static_cast<std::uint32_t>(bytes.size());
    }
    slot.length = static_cast<std::uint32_t>(bytes.size());
    compact();
    account();
}

void Node::remove_entry(std::size_t index) {
    garbage += leaf[index].length;
    leaf.erase(leaf.begin() + static_cast<std::ptrdiff_t>(index));
    next_insert = 0;
    compact();
    account();
}

void Node::compact() {
    if (garbage <= arena.size() / 2) return;
    Bytes fresh;
    fresh.reserve(arena.size() - garbage + 256);
    for (LeafSlot& slot : leaf) {
        const ByteSpan bytes = value(slot);
        slot.offset = static_cast<std::uint32_t>(fresh.size());
        fresh.insert(fresh.end(), bytes.begin(), bytes.end());
    }
    arena = std::move(fresh);
    garbage = 0;
}

void Node::move_tail(std::size_t index, Node& target) {
    invariant(level == target.level, "Entries move between nodes of one level.");
    const auto tail = static_cast<std::ptrdiff_t>(index);
    if (is_leaf()) {
        target.leaf.reserve(target.leaf.size() + leaf.size() - index);
        for (std::size_t i = index; i < leaf.size(); ++i) {
            LeafSlot slot = leaf[i];
            const ByteSpan bytes = value(slot);
            slot.offset = static_cast<std::uint32_t>(target.arena.size());
            target.arena.insert(target.arena.end(), bytes.begin(), bytes.end());
            target.leaf.push_back(slot);
            garbage += slot.length;
        }
        leaf.erase(leaf.begin() + tail, leaf.end());
        compact();
    } else {
        target.inner.insert(target.inner.end(), std::make_move_iterator(inner.begin() + tail),
                            std::make_move_iterator(inner.end()));
        inner.erase(inner.begin() + tail, inner.end());
    }
    next_insert = target.next_insert = 0;
    account();
    target.account();
}

void Node::mark_stored(const block::BlockAddress& where, Generation born) noexcept {
    invariant(!address && where, "A node is stored once, at an address.");
    tally->dirty_bytes -= accounted;
    address = where;
    birth = born;
}

void Node::mark_changing(Epoch now) noexcept {
    if (address) tally->dirty_bytes += accounted;
    address = {};
    birth = Generation{0};
    epoch = now;
}

void Node::account() noexcept {
    const std::size_t bytes = sizeof(Node) + leaf.capacity() * sizeof(LeafSlot) + arena.capacity() +
                              inner.capacity() * sizeof(InnerSlot);
    tally->bytes += bytes - accounted;
    if (!address) tally->dirty_bytes += bytes - accounted;
    accounted = bytes;
}

}  // namespace demofs::tree
