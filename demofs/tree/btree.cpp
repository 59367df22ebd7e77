// Lookups, scans, and the nodes' coming and going; changes are in btree_change.cpp.
#include "demofs/tree/btree.hpp"

#include <algorithm>
#include <string>

#include "demofs/base/error.hpp"
#include "demofs/block/format.hpp"
#include "demofs/tree/node_codec.hpp"

namespace demofs::tree {

namespace {

bool same_object(const Key& a, const Key& b) {
    return a.object == b.object && a.kind == b.kind;
}

// What is read at once at most if a node's neighbours are read with it: the disk takes hardly longer for it than for
// the node alone.
constexpr std::size_t neighbourhood_bytes = 32u << 10;

[[noreturn]] void misplaced(const block::BlockAddress& address) {
    throw Error(Errc::corrupt, "The tree node in segment " + std::to_string(address.segment.sequence) +
                                   " at offset " + std::to_string(address.offset) +
                                   " does not fit its place in the tree.");
}

}  // namespace

BTree::BTree(std::size_t node_bytes) : node_bytes_(std::clamp<std::size_t>(node_bytes, 256, max_node_bytes)) {
    root_.child = new Node(tally_, 0);
    root_.child->mark_changing(epoch_);
}

BTree::BTree(std::size_t node_bytes, const block::BlockAddress& root, Generation root_birth,
             unsigned root_level)
    : node_bytes_(std::clamp<std::size_t>(node_bytes, 256, max_node_bytes)), root_level_(root_level) {
    root_.address = root;
    root_.birth = root_birth;
}

BTree::~BTree() = default;

// --- nodes that are not in memory ----------------------------------------------------------------

NodePtr BTree::take_loaded(const block::BlockAddress& address) {
    const auto found = loaded_.find(address);
    if (found == loaded_.end()) throw NodeFault(address);
    NodePtr node = std::move(found->second);
    loaded_.erase(found);
    node->idle = 0;
    return node;
}

// Siblings of the child that is missing, if they are stored side by side with it: nodes that were written together
// lie in the order of their keys. Nothing for a parent's first two misses, which a single lookup may need (a name,
// then its inode): who looks up keys all over a large tree would read and decrypt eight times as much for nothing.
std::vector<block::BlockAddress> BTree::neighbours_of(Node& parent, std::size_t index) {
    std::vector<block::BlockAddress> beside;
    if (parent.missed < 2) {
        ++parent.missed;
        return beside;
    }
    const block::BlockAddress& missing = parent.inner[index].address;
    std::uint32_t begin = missing.offset;
    std::uint32_t end = missing.end();
    const auto absent = [&](std::size_t sibling) {
        const InnerSlot& slot = parent.inner[sibling];
        return !slot.child && slot.address.segment == missing.segment && !loaded_.contains(slot.address);
    };
    const std::size_t limit = std::min(neighbourhood_bytes, 8 * node_bytes_);
    const auto fits = [&] { return end - begin <= limit; };
    for (std::size_t i = index + 1; i < parent.inner.size() && absent(i); ++i) {
        const block::BlockAddress& right = parent.inner[i].address;
        if (right.offset < end || right.offset - end >= block::boundary_bytes) break;
        end = right.end();
        if (!fits()) break;
        beside.push_back(right);
    }
    end = beside.empty() ? missing.end() : beside.back().end();
    for (std::size_t i = index; i-- > 0 && absent(i);) {
        const block::BlockAddress& left = parent.inner[i].address;
        if (left.end() > begin || begin - left.end() >= block::boundary_bytes) break;
        begin = left.offset;
        if (!fits()) break;
        beside.push_back(left);
    }
    return beside;
}

Node& BTree::fault_root() {
    NodePtr node = take_loaded(root_.address);
    if (node->level != root_level_) misplaced(root_.address);
    node->birth = root_.birth;
    root_.child = std::move(node);
    return *root_.child;
}

Node& BTree::fault(Node& parent, std::size_t index) {
    InnerSlot& slot = parent.inner[index];
    if (!loaded_.contains(slot.address)) throw NodeFault(slot.address, neighbours_of(parent, index));
    NodePtr node = take_loaded(slot.address);
    const bool fits = node->level + 1 == parent.level && node->count() > 0 &&
                      !key_less(node->key_at(0), slot.first) &&
                      (index + 1 == parent.inner.size() ||
                       key_less(node->key_at(node->count() - 1), parent.inner[index + 1].first));
    if (!fits) misplaced(slot.address);
    node->birth = slot.birth;
    slot.child = std::move(node);
    return *slot.child;
}

void BTree::add_loaded(const block::BlockAddress& address, ByteSpan payload) {
    if (loaded_.contains(address)) return;
    NodePtr node = decode_node(payload, tally_);
    node->mark_stored(address, Generation{0});  // who takes it knows from its parent when it was born
    loaded_.emplace(address, std::move(node));
}

void BTree::evict(std::size_t limit_bytes, std::size_t others) {
    if (tally_.bytes <= limit_bytes) return;
    const std::size_t patience = std::min<std::size_t>(others, 200);
    // Nodes that were read but that nobody came for since the last time.
    for (auto it = loaded_.begin(); it != loaded_.end();) {
        if (it->second->idle > patience) {
            it = loaded_.erase(it);
        } else {
            ++it->second->idle;
            ++it;
        }
    }
    if (!root_.child || root_.child->is_leaf()) return;
    // A little more than asked for, so that not every following load has to sweep again.
    const std::size_t goal = limit_bytes - limit_bytes / 32;
    if (!sweep(*root_.child, hand_, goal, patience)) hand_ = {};
}

// One step of a clock's hand over the children of `parent`, depth first, from the key `from` on. True: the
// goal is reached, and hand_ is where to go on.
bool BTree::sweep(Node& parent, const Key& from, std::size_t goal_bytes, std::size_t patience) {
    for (std::size_t i = parent.child_index(from); i < parent.inner.size(); ++i) {
        InnerSlot& slot = parent.inner[i];
        if (!slot.child) continue;
        Node& node = *slot.child;
        if (!node.is_leaf() && sweep(node, from, goal_bytes, patience)) return true;
        const bool needed =
            !node.address || std::any_of(node.inner.begin(), node.inner.end(),
                                         [](const InnerSlot& s) { return s.child != nullptr; });
        if (needed) continue;
        if (node.idle <= patience) {
            ++node.idle;
            continue;
        }
        slot.address = node.address;
        slot.birth = node.birth;
        slot.child.reset();
        if (tally_.bytes <= goal_bytes) {
            hand_ = slot.first;
            return true;
        }
    }
    return false;
}

// --- lookups -------------------------------------------------------------------------------------

Node& BTree::leaf_of(const Key& key) {
    Node* node = &root();
    while (!node->is_leaf()) node = &child(*node, node->child_index(key));
    return *node;
}

std::optional<ByteSpan> BTree::find(const Key& key) {
    const Node& leaf = leaf_of(key);
    const std::size_t index = leaf.lower_bound(key);
    if (index == leaf.leaf.size() || leaf.leaf[index].key != key) return std::nullopt;
    return leaf.value(leaf.leaf[index]);
}

void BTree::scan(const Key& from, const Key& to, const std::function<bool(const Key&, ByteSpan)>& visit) {
    if (key_less(to, from)) return;
    scan_node(root(), from, to, visit);
}

bool BTree::scan_node(Node& node, const Key& from, const Key& to,
                      const std::function<bool(const Key&, ByteSpan)>& visit) {
    if (node.is_leaf()) {
        for (std::size_t i = node.lower_bound(from); i < node.leaf.size(); ++i) {
            const LeafSlot& slot = node.leaf[i];
            if (key_less(to, slot.key) || !visit(slot.key, node.value(slot))) return false;
        }
        return true;
    }
    const std::size_t first = node.child_index(from);
    for (std::size_t i = first; i < node.inner.size(); ++i) {
        if (i > first && key_less(to, node.inner[i].first)) return false;
        if (!scan_node(child(node, i), from, to, visit)) return false;
    }
    return true;
}

std::optional<std::pair<Key, ByteSpan>> BTree::find_last_not_after(const Key& key) {
    // The way down, and on it the last place where a child further left exists.
    Node* node = &root();
    Node* turn = nullptr;
    std::size_t turn_index = 0;
    Key lower;  // of the leaf: no smaller key can be in it
    while (!node->is_leaf()) {
        const std::size_t index = node->child_index(key);
        if (index > 0) {
            turn = node;
            turn_index = index - 1;
            lower = node->inner[index].first;
        }
        node = &child(*node, index);
    }
    std::size_t index = node->lower_bound(key);
    if (index < node->leaf.size() && node->leaf[index].key == key) {
        return std::pair(key, node->value(node->leaf[index]));
    }
    if (index == 0) {
        // The entry before is in the leaf to the left, unless that holds only other objects.
        if (!turn || !key_less(Key{key.object, key.kind, 0}, lower)) return std::nullopt;
        node = &child(*turn, turn_index);
        while (!node->is_leaf()) node = &child(*node, node->inner.size() - 1);
        index = node->leaf.size();
    }
    const LeafSlot& slot = node->leaf[index - 1];
    if (!same_object(slot.key, key)) return std::nullopt;
    return std::pair(slot.key, node->value(slot));
}

void BTree::prefault(const Key& from, const Key& to) {
    if (key_less(to, from)) return;
    prefault_node(root(), from, to);
}

void BTree::prefault_node(Node& node, const Key& from, const Key& to) {
    if (node.is_leaf()) return;
    const std::size_t first = node.child_index(from);
    for (std::size_t i = first; i < node.inner.size(); ++i) {
        if (i > first && key_less(to, node.inner[i].first)) return;
        prefault_node(child(node, i), from, to);
    }
}

void BTree::walk(const std::function<void(const block::BlockAddress&, unsigned)>& visit_node,
                 const std::function<void(const Key&, ByteSpan)>& visit_entry) {
    walk_node(root(), visit_node, visit_entry);
}

void BTree::walk_node(Node& node, const std::function<void(const block::BlockAddress&, unsigned)>& visit_node,
                      const std::function<void(const Key&, ByteSpan)>& visit_entry) {
    if (node.address) visit_node(node.address, node.level);
    for (const LeafSlot& slot : node.leaf) visit_entry(slot.key, node.value(slot));
    for (std::size_t i = 0; i < node.inner.size(); ++i) walk_node(child(node, i), visit_node, visit_entry);
}

// --- checks --------------------------------------------------------------------------------------

namespace {

std::string violation_below(const Node& node, const Key* lower, const Key* upper, bool is_root) {
    const auto in = " in a node of level " + std::to_string(node.level);
    if (node.count() == 0 && !(is_root && node.is_leaf())) return "nothing" + in;
    for (std::size_t i = 0; i < node.count(); ++i) {
        const Key& key = node.key_at(i);
        if (i > 0 && !key_less(node.key_at(i - 1), key)) return "keys out of order" + in;
        if (lower && key_less(key, *lower)) return "a key below the node's bounds" + in;
        if (upper && !key_less(key, *upper)) return "a key above the node's bounds" + in;
    }
    if (node.is_leaf()) {
        std::size_t used = 0;
        for (const LeafSlot& slot : node.leaf) {
            used += slot.length;
            if (slot.offset + slot.length > node.arena.size()) return "a value outside its arena" + in;
        }
        if (used + node.garbage != node.arena.size()) return "wrong count of garbage" + in;
        return {};
    }
    for (std::size_t i = 0; i < node.inner.size(); ++i) {
        const InnerSlot& slot = node.inner[i];
        if (!slot.child) {
            if (!slot.address || raw(slot.birth) == 0) return "a child that is nowhere" + in;
            if (node.address && slot.birth > node.birth) return "a child younger than its parent" + in;
            continue;
        }
        if (slot.child->level + 1 != node.level) return "a child of the wrong level" + in;
        if (node.address && !slot.child->address) return "a dirty node below a stored one" + in;
        if (slot.child->address && raw(slot.child->birth) == 0) return "a stored node without a birth" + in;
        if (node.address && slot.child->birth > node.birth) return "a child younger than its parent" + in;
        const Key* next = i + 1 < node.inner.size() ? &node.inner[i + 1].first : upper;
        std::string below = violation_below(*slot.child, i == 0 ? lower : &slot.first, next, false);
        if (!below.empty()) return below;
    }
    return {};
}

}  // namespace

std::string BTree::find_violation() const {
    if (!root_.child) return {};
    if (root_.child->level != root_level_) return "a root of the wrong level";
    return violation_below(*root_.child, nullptr, nullptr, true);
}

}  // namespace demofs::tree
