// The B+tree itself: synchronous lookups and changes over nodes in memory, copy-on-write against a frozen
// epoch, and eviction. It does no I/O: a missing node is a NodeFault, and `add_loaded` brings it in. Tree
// (tree.hpp) is this plus commits.
//
// Copy-on-write: freeze() ends the epoch and hands out the root. A node of an earlier epoch is never changed
// while anyone else refers to it; the way down to a change clones it first. So what was frozen stays as it
// was.
//
// Threads: the core only.
// Invariants:
//   * the root is in memory from its first use on; only stored nodes are ever evicted;
//   * a change checks everything that can fail, missing nodes included, before it touches anything;
//   * no node but a root leaf is empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/base/types.hpp"
#include "demofs/block/address.hpp"
#include "demofs/tree/changes.hpp"
#include "demofs/tree/key.hpp"
#include "demofs/tree/node.hpp"
#include "demofs/tree/node_fault.hpp"

namespace demofs::tree {

/// Changes of live bytes by segment.
using Usage = std::unordered_map<block::SegmentId, std::int64_t>;

/// What a change does to the counters.
struct ChangeEffect {
    std::int64_t inodes = 0;
    std::int64_t inline_bytes = 0;
};

/// The tree as it was when an epoch ended.
struct FrozenTree {
    Epoch epoch{0};
    InnerSlot root;  ///< the child is null if nothing below was ever needed: the stored root is still valid
    unsigned root_level = 0;
    std::vector<NodePtr> dirty;       ///< to be appended in this order: children before their parents
    Usage usage;                      ///< of this epoch, without the nodes in `dirty` and `superseded`
    std::vector<NodePtr> superseded;  ///< stored by the commit before, and replaced in this epoch
};

class BTree {
  public:
    /// An empty tree.
    explicit BTree(std::size_t node_bytes);
    /// The stored tree with this root.
    BTree(std::size_t node_bytes, const block::BlockAddress& root, Generation root_birth,
          unsigned root_level);
    BTree(const BTree&) = delete;
    BTree& operator=(const BTree&) = delete;
    ~BTree();

    /// As in Tree.
    std::optional<ByteSpan> find(const Key& key);
    void scan(const Key& from, const Key& to, const std::function<bool(const Key&, ByteSpan)>& visit);
    std::optional<std::pair<Key, ByteSpan>> find_last_not_after(const Key& key);
    void prefault(const Key& from, const Key& to);

    /// Throws NodeFault, or Error for a value that is too long (std::errc::argument_list_too_long) or an
    /// absent key that is to be erased (Errc::corrupt). Afterwards, and before anything else is called,
    /// apply() succeeds.
    ChangeEffect check(const Changes& changes);
    /// Running out of memory here ends the process: the last commit is then what is left.
    void apply(const Changes& changes) noexcept;

    /// Nodes that were read after a fault; kept aside until an operation needs them. Throws
    /// Error(Errc::corrupt).
    void add_loaded(const block::BlockAddress& address, ByteSpan payload);
    bool is_loaded(const block::BlockAddress& address) const { return loaded_.contains(address); }

    /// Drops stored nodes that were not used for a while until `limit_bytes` are kept, if there are enough of
    /// them. Never to be called from inside an operation. Operations that need many nodes are run again and
    /// again, with a load and an eviction between; so that they get on when several do so at once, a node is
    /// spared for as many calls since its last use as there are others.
    void evict(std::size_t limit_bytes, std::size_t others = 0);

    /// The usage of this epoch so far; it is then no longer in what freeze() tells.
    Usage take_usage() { return std::exchange(usage_, {}); }
    std::size_t usage_size() const { return usage_.size(); }

    /// Ends the epoch.
    FrozenTree freeze();

    Epoch epoch() const { return epoch_; }
    const NodeTally& tally() const { return tally_; }
    /// Visits all addresses of stored nodes and every entry; faults. For checks.
    void walk(const std::function<void(const block::BlockAddress&, unsigned level)>& visit_node,
              const std::function<void(const Key&, ByteSpan)>& visit_entry);
    /// Checks the invariants of all that is in memory; a sentence about the first violation, empty if there
    /// is none.
    std::string find_violation() const;
    unsigned root_level() const { return root_level_; }

  private:
    struct Step {
        Node* node;
        std::size_t index;  // of the child taken
    };
    class Path;

    Node& root() { return root_.child ? *root_.child : fault_root(); }
    Node& child(Node& parent, std::size_t index) {
        InnerSlot& slot = parent.inner[index];
        if (!slot.child) return fault(parent, index);
        if (slot.child->idle != 0) slot.child->idle = 0;
        return *slot.child;
    }
    Node& fault_root();
    Node& fault(Node& parent, std::size_t index);
    NodePtr take_loaded(const block::BlockAddress& address);
    std::vector<block::BlockAddress> neighbours_of(Node& parent, std::size_t index);
    Node& leaf_of(const Key& key);

    bool scan_node(Node& node, const Key& from, const Key& to,
                   const std::function<bool(const Key&, ByteSpan)>& visit);
    void prefault_node(Node& node, const Key& from, const Key& to);
    void walk_node(Node& node, const std::function<void(const block::BlockAddress&, unsigned)>& visit_node,
                   const std::function<void(const Key&, ByteSpan)>& visit_entry);

    Node& make_mutable(InnerSlot& slot);
    void forget(const NodePtr& node);
    Node& descend_mutable(const Key& key, Path& path);
    void put(const Key& key, ByteSpan value);
    void erase(const Key& key);
    void grow_up(Path& path, Node* node, std::size_t inserted_at, bool sequential);
    void shrink_up(Path& path, Node* node);
    bool merge_with_sibling(Node& parent, std::size_t index);
    std::size_t split_point(const Node& node, std::size_t inserted_at, bool sequential) const;
    void shrink_root();

    bool sweep(Node& parent, const Key& from, std::size_t goal_bytes, std::size_t patience);
    static void collect_dirty(const NodePtr& node, Epoch epoch, std::vector<NodePtr>& out);

    NodeTally tally_;  // first: outlives all nodes
    std::size_t node_bytes_;
    Epoch epoch_{1};
    InnerSlot root_;
    unsigned root_level_ = 0;
    std::unordered_map<block::BlockAddress, NodePtr> loaded_;
    Usage usage_;
    std::vector<NodePtr> superseded_;
    Key hand_;  // where the next sweep of the eviction starts
};

}  // namespace demofs::tree
