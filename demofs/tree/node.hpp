// A node of the B+tree in memory: a leaf holds entries, an inner node the first keys and whereabouts of
// children.
//
// Threads: the core only (the reference count is not atomic).
// Invariants:
//   * a node with an address is exactly what is stored there, so it may be dropped from memory and read
//     again;
//   * a node is changed only while its epoch is the tree's (btree.hpp), and a changed node has no address;
//   * all keys below child i lie in [slot i's first, slot i+1's first).
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/base/types.hpp"
#include "demofs/block/address.hpp"
#include "demofs/tree/key.hpp"

namespace demofs::tree {

struct Node;
using NodePtr = boost::intrusive_ptr<Node>;

/// What all nodes of one tree take in memory. Outlives them.
struct NodeTally {
    std::size_t nodes = 0;
    std::size_t bytes = 0;        ///< of all nodes
    std::size_t dirty_bytes = 0;  ///< of nodes without an address
};

struct LeafSlot {
    Key key;
    std::uint32_t offset = 0;  ///< of the value in the arena
    std::uint32_t length = 0;
};

struct InnerSlot {
    Key first;
    block::BlockAddress address;  ///< of the child; stale while `child` is set: ask the child
    Generation birth{0};          ///< of the child; stale likewise
    NodePtr child;                ///< null: not in memory
};

/// Encoded sizes; the layout is in node_codec.cpp.
inline constexpr std::size_t node_header_bytes = 8;
inline constexpr std::size_t leaf_slot_bytes = 19;
inline constexpr std::size_t inner_slot_bytes = 49;
inline constexpr std::size_t max_value_bytes = 4096;
inline constexpr std::size_t max_node_bytes = 64 * 1024;
inline constexpr unsigned max_level = 31;

inline bool key_less(const Key& a, const Key& b) noexcept {
    if (a.object != b.object) return a.object < b.object;
    if (a.kind != b.kind) return a.kind < b.kind;
    return a.key < b.key;
}

struct Node : boost::intrusive_ref_counter<Node, boost::thread_unsafe_counter> {
    Node(NodeTally& tally, unsigned node_level);
    Node(const Node& other);  ///< a copy without an address
    Node& operator=(const Node&) = delete;
    ~Node();

    bool is_leaf() const noexcept { return level == 0; }
    std::size_t count() const noexcept { return is_leaf() ? leaf.size() : inner.size(); }
    std::size_t encoded_bytes() const noexcept {
        return node_header_bytes + (is_leaf() ? leaf.size() * leaf_slot_bytes + arena.size() - garbage
                                              : inner.size() * inner_slot_bytes);
    }
    const Key& key_at(std::size_t index) const noexcept {
        return is_leaf() ? leaf[index].key : inner[index].first;
    }
    ByteSpan value(const LeafSlot& slot) const noexcept {
        return ByteSpan(arena).subspan(slot.offset, slot.length);
    }

    /// Leaf: index of the first entry with a key not less than `key`.
    std::size_t lower_bound(const Key& key) const noexcept;
    /// Inner: index of the child that holds `key`, the first one for keys before everything.
    std::size_t child_index(const Key& key) const noexcept;

    /// Leaf, mutable: inserts, replaces, removes. Indices as from lower_bound.
    void insert_entry(std::size_t index, const Key& key, ByteSpan value);
    void replace_value(std::size_t index, ByteSpan value);
    void remove_entry(std::size_t index);

    /// Mutable: moves the entries or children from `index` on to the end of `target` (same level, keys before
    /// them).
    void move_tail(std::size_t index, Node& target);

    /// The node is now stored at `where`, by the commit attempt `born`; or becomes changeable in `now`.
    void mark_stored(const block::BlockAddress& where, Generation born) noexcept;
    void mark_changing(Epoch now) noexcept;

    /// Brings the tally up to date; after every change of the node's contents.
    void account() noexcept;

    NodeTally* tally;
    Epoch epoch{0};               ///< 0: read from the store
    block::BlockAddress address;  ///< where it is stored; none: dirty
    Generation birth{0};          ///< the commit attempt that stored it; 0 while it has no address
    std::vector<LeafSlot> leaf;
    Bytes arena;  ///< the values of a leaf, in any order, with garbage between them
    std::vector<InnerSlot> inner;
    std::uint32_t garbage = 0;      ///< unused bytes in the arena
    std::uint32_t next_insert = 0;  ///< index behind the last insertion: recognises sequential ones
    std::size_t accounted = 0;      ///< what the tally holds for this node
    std::uint8_t level = 0;         ///< 0: leaf
    std::uint8_t missed = 0;  ///< inner: how often a child was not in memory when it was wanted; at most 2
    std::uint8_t idle = 0;    ///< how often the eviction's hand came by since it was last used

  private:
    void compact();
};

}  // namespace demofs::tree
