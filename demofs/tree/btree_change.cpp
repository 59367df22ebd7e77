// Changes of the B+tree: copy-on-write on the way down, splits and merges on the way up, freezing.
#include <algorithm>
#include <array>

#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"
#include "demofs/tree/btree.hpp"

namespace demofs::tree {

// The inner nodes from the root to a leaf's parent.
class BTree::Path {
  public:
    void push(Node& node, std::size_t index) {
        invariant(depth_ < steps_.size(), "A tree has at most 32 levels.");
        steps_[depth_++] = {&node, index};
    }
    bool empty() const { return depth_ == 0; }
    Step& back() { return steps_[depth_ - 1]; }
    Step pop() { return steps_[--depth_]; }

  private:
    std::array<Step, max_level + 1> steps_;
    std::size_t depth_ = 0;
};

// --- the two passes of a change ------------------------------------------------------------------

ChangeEffect BTree::check(const Changes& changes) {
    ChangeEffect effect;
    for (const Changes::Entry& entry : changes.entries) {
        if (entry.value && entry.value->size() > max_value_bytes) {
            throw Error(
                std::errc::argument_list_too_long,
                "A value of " + std::to_string(entry.value->size()) + " bytes is too long for the tree");
        }
        const std::optional<ByteSpan> old = find(entry.key);
        if (!entry.value && !old) {
            throw Error(Errc::corrupt, "The entry to remove is missing: object " +
                                           std::to_string(entry.key.object) + ", kind " +
                                           std::to_string(static_cast<int>(entry.key.kind)) + ", key " +
                                           std::to_string(entry.key.key) + ".");
        }
        if (entry.key.kind == Kind::inode) effect.inodes += (entry.value ? 1 : 0) - (old ? 1 : 0);
        if (entry.key.kind == Kind::inline_data) {
            effect.inline_bytes += static_cast<std::int64_t>(entry.value ? entry.value->size() : 0) -
                                   static_cast<std::int64_t>(old ? old->size() : 0);
        }
    }
    return effect;
}

void BTree::apply(const Changes& changes) noexcept {
    // Erasures last: they may remove a leaf that became empty, whose range then falls to a neighbour that
    // need not be in memory. An entry that exists keeps its leaf alive, so the other erasures still find
    // theirs.
    for (const Changes::Entry& entry : changes.entries) {
        if (entry.value) put(entry.key, *entry.value);
    }
    for (const Changes::Entry& entry : changes.entries) {
        if (!entry.value) erase(entry.key);
    }
    for (const Changes::Usage& use : changes.usage) usage_[use.segment] += use.bytes;
}

// --- copy-on-write -------------------------------------------------------------------------------

// The slot's child as a node that this epoch may change; the slot's owner must be such a node already.
Node& BTree::make_mutable(InnerSlot& slot) {
    Node& node = *slot.child;
    if (node.epoch == epoch_) return node;
    if (node.address && node.use_count() == 1) {  // nobody else looks at it: no need to copy
        forget(slot.child);
        node.mark_changing(epoch_);
        return node;
    }
    NodePtr copy(new Node(node));
    copy->epoch = epoch_;
    forget(slot.child);
    slot.child = std::move(copy);
    return *slot.child;
}

// `node` is no longer part of the tree: its stored bytes are dead, as soon as it has any.
void BTree::forget(const NodePtr& node) {
    if (node->epoch == epoch_) return;
    if (node->address) {
        usage_[node->address.segment] -= static_cast<std::int64_t>(node->address.stored_bytes());
    } else {
        superseded_.push_back(node);  // being stored by the commit in flight
    }
}

Node& BTree::descend_mutable(const Key& key, Path& path) {
    static_cast<void>(root());
    Node* node = &make_mutable(root_);
    while (!node->is_leaf()) {
        const std::size_t index = node->child_index(key);
        InnerSlot& slot = node->inner[index];
        if (key_less(key, slot.first)) slot.first = key;  // only the very first child's
        path.push(*node, index);
        static_cast<void>(child(*node, index));
        node = &make_mutable(slot);
    }
    return *node;
}

// --- insertion -----------------------------------------------------------------------------------

void BTree::put(const Key& key, ByteSpan value) {
    Path path;
    Node& leaf = descend_mutable(key, path);
    const std::size_t index = leaf.lower_bound(key);
    if (index < leaf.leaf.size() && leaf.leaf[index].key == key) {
        const bool shrinks = value.size() < leaf.leaf[index].length;
        leaf.replace_value(index, value);
        if (shrinks) {
            shrink_up(path, &leaf);
        } else {
            grow_up(path, &leaf, index, false);
        }
        return;
    }
    const bool sequential = index > 0 && leaf.next_insert == index;
    leaf.insert_entry(index, key, value);
    leaf.next_insert = static_cast<std::uint32_t>(index + 1);
    grow_up(path, &leaf, index, sequential);
}

// Where to cut a node that has grown too large. Random insertions: in the middle by size. Sequential ones: at
// the insertion, so that the left part stays full and the next ones go on in the right part; and if there are
// entries behind the insertion, these first go to a node of their own, where they are not in the way.
std::size_t BTree::split_point(const Node& node, std::size_t inserted_at, bool sequential) const {
    const std::size_t count = node.count();
    if (sequential && inserted_at + 1 < count) {
        std::size_t tail_bytes = 0;
        for (std::size_t i = inserted_at + 1; i < count; ++i) {
            tail_bytes += node.is_leaf() ? leaf_slot_bytes + node.leaf[i].length : inner_slot_bytes;
        }
        if (node.encoded_bytes() - tail_bytes <= node_bytes_) return inserted_at + 1;
    }
    if (sequential && inserted_at >= count / 2) return inserted_at;
    if (!node.is_leaf()) return count / 2;
    const std::size_t half = (node.encoded_bytes() - node_header_bytes) / 2;
    std::size_t left = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t entry = leaf_slot_bytes + node.leaf[i].length;
        // Cut on that side of the middle entry that leaves the parts more alike.
        if (left + entry > half)
            return std::clamp<std::size_t>(half - left > entry / 2 ? i + 1 : i, 1, count - 1);
        left += entry;
    }
    return count - 1;
}

// Splits `node` and then its ancestors as long as they are too large.
void BTree::grow_up(Path& path, Node* node, std::size_t inserted_at, bool sequential) {
    while (node->encoded_bytes() > node_bytes_ && node->count() > 1) {
        const std::size_t cut = split_point(*node, inserted_at, sequential);
        NodePtr right(new Node(tally_, node->level));
        right->mark_changing(epoch_);
        node->move_tail(cut, *right);
        if (cut == inserted_at) right->next_insert = 1;
        if (cut == inserted_at + 1) node->next_insert = static_cast<std::uint32_t>(cut);

        if (path.empty()) {  // the root itself: one more level
            NodePtr top(new Node(tally_, node->level + 1u));
            top->mark_changing(epoch_);
            InnerSlot left;
            left.first = node->key_at(0);
            left.child = std::move(root_.child);
            top->inner.push_back(std::move(left));
            root_.child = std::move(top);
            ++root_level_;
            path.push(*root_.child, 0);
        }
        const Step parent = path.pop();
        InnerSlot slot;
        slot.first = right->key_at(0);
        slot.child = std::move(right);
        inserted_at = parent.index + 1;
        sequential = parent.node->next_insert == inserted_at;
        parent.node->inner.insert(parent.node->inner.begin() + static_cast<std::ptrdiff_t>(inserted_at),
                                  std::move(slot));
        parent.node->next_insert = static_cast<std::uint32_t>(inserted_at + 1);
        parent.node->account();
        node = parent.node;
    }
}

// --- removal -------------------------------------------------------------------------------------

void BTree::erase(const Key& key) {
    Path path;
    Node& leaf = descend_mutable(key, path);
    const std::size_t index = leaf.lower_bound(key);
    if (index == leaf.leaf.size() || leaf.leaf[index].key != key) return;  // twice in one change
    leaf.remove_entry(index);
    shrink_up(path, &leaf);
}

// Removes `node` if it is empty, merges it with a neighbour if it is small, then looks at its parent.
void BTree::shrink_up(Path& path, Node* node) {
    while (!path.empty()) {
        const Step parent = path.pop();
        if (node->count() == 0) {
            parent.node->inner.erase(parent.node->inner.begin() + static_cast<std::ptrdiff_t>(parent.index));
            parent.node->next_insert = 0;
            parent.node->account();
        } else if (node->encoded_bytes() >= node_bytes_ / 3 ||
                   !merge_with_sibling(*parent.node, parent.index)) {
            break;  // the parent has as many children as before
        }
        node = parent.node;
    }
    shrink_root();
}

// Joins a small child with a neighbour that is in memory (never worth a read) if both fit with room to spare.
bool BTree::merge_with_sibling(Node& parent, std::size_t index) {
    const auto fits = [&](std::size_t left) {
        const NodePtr& a = parent.inner[left].child;
        const NodePtr& b = parent.inner[left + 1].child;
        return a && b && a->encoded_bytes() + b->encoded_bytes() <= node_bytes_ * 3 / 4;
    };
    std::size_t left = index;
    if (index + 1 < parent.inner.size() && fits(index)) {
        left = index;
    } else if (index > 0 && fits(index - 1)) {
        left = index - 1;
    } else {
        return false;
    }
    Node& target = make_mutable(parent.inner[left]);
    Node& source = make_mutable(parent.inner[left + 1]);  // of this epoch: nothing of it is ever stored
    source.move_tail(0, target);
    parent.inner.erase(parent.inner.begin() + static_cast<std::ptrdiff_t>(left + 1));
    parent.next_insert = 0;
    parent.account();
    return true;
}

void BTree::shrink_root() {
    if (root_.child->count() == 0 && !root_.child->is_leaf()) {
        root_.child = new Node(tally_, 0);
        root_.child->mark_changing(epoch_);
        root_level_ = 0;
    }
    // A root with one child is one level too many; if the child is not in memory that is put up with.
    while (!root_.child->is_leaf() && root_.child->inner.size() == 1 && root_.child->inner[0].child &&
           root_.child->epoch == epoch_) {
        NodePtr only = std::move(root_.child->inner[0].child);
        root_.child = std::move(only);
        --root_level_;
    }
}

// --- freezing ------------------------------------------------------------------------------------

void BTree::collect_dirty(const NodePtr& node, Epoch epoch, std::vector<NodePtr>& out) {
    if (node->address) return;
    invariant(node->epoch <= epoch, "What is frozen was made before the freeze.");
    for (const InnerSlot& slot : node->inner) {
        if (slot.child && !slot.child->address) collect_dirty(slot.child, epoch, out);
    }
    out.push_back(node);
}

FrozenTree BTree::freeze() {
    FrozenTree frozen;
    frozen.epoch = epoch_;
    frozen.root = root_;
    frozen.root_level = root_level_;
    if (root_.child) collect_dirty(root_.child, epoch_, frozen.dirty);
    frozen.usage = std::move(usage_);
    usage_.clear();
    frozen.superseded = std::move(superseded_);
    superseded_.clear();
    epoch_ = next(epoch_);
    return frozen;
}

}  // namespace demofs::tree
