// TeardownState's first life: nodes and edges are added and checked. See teardown_state.hpp.
#pragma once

#include <algorithm>
#include <asyncdrop/detail/teardown_state.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/teardown_error.hpp>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace asyncdrop::detail {

// Makes room for one more, without the quadratic cost of reserve(size + 1).
template <class T>
void make_room(std::vector<T>& vector) {
    if (vector.size() == vector.capacity()) vector.reserve(std::max<std::size_t>(4, 2 * vector.capacity()));
}

// Resources that were skipped, because something that may still run uses them. They are never destroyed;
// they stay reachable from here.
inline void keep_for_ever(std::unique_ptr<TeardownNode> node) noexcept {
    struct Kept {
        std::unique_ptr<TeardownNode> node;
        Kept* next;
    };
    static std::mutex mutex;
    static Kept* kept = nullptr;
    const std::lock_guard lock(mutex);
    TeardownNode* const raw = node.release();
    if (auto* entry = new (std::nothrow) Kept{nullptr, kept}) {
        entry->node.reset(raw);
        kept = entry;
    }
}

// What went wrong in a teardown whose report nobody has received, because the callers of run() died with
// their contexts: one line for each node.
ASYNCDROP_DECL void TeardownState::print_unreported() const noexcept {
    for (const auto& node : nodes_) {
        if (!node || node->state == NodeState::dropped) continue;
        Line line;
        line << "asyncdrop: nobody received the report of a teardown, in which the cleanup of \""
             << node->name << "\", created at " << node->site;
        switch (node->state) {
            case NodeState::skipped:
                line << ", was skipped, because something that uses it was abandoned; it is never destroyed";
                break;
            case NodeState::abandoned:
                line << ", was abandoned";
                break;
            case NodeState::failed:
                line << " failed";
                break;
            default:
                line << ", did not begin";
                break;
        }
        if (node->error) {
            try {
                const std::string text = message_of(node->error);
                line << ": " << text;
            } catch (...) {  // no memory: without the text
            }
        }
        print_notice(line.view(), node->name, node->site);
    }
}

ASYNCDROP_DECL TeardownState::~TeardownState() {
    if (closed_ && !reported_) print_unreported();
    // The last cleanup is gone; but one that was abandoned may have handed on what it uses.
    for (auto& node : nodes_) {
        if (node && node->state == NodeState::skipped) {
            node->drop_ended();
            keep_for_ever(std::move(node));
        }
    }
}

ASYNCDROP_DECL TeardownNode& TeardownState::node_at(std::size_t index) {
    if (index >= nodes_.size() || !nodes_[index]) {
        throw TeardownError(TeardownErrc::unknown_node, "the handle is not one of this graph's nodes");
    }
    return *nodes_[index];
}

ASYNCDROP_DECL void TeardownState::check_open() const {
    if (closed_) {
        throw TeardownError(TeardownErrc::closed, "the graph is closed: its teardown has begun");
    }
}

ASYNCDROP_DECL std::size_t TeardownState::insert(std::unique_ptr<TeardownNode> node) {
    std::sort(node->uses.begin(), node->uses.end());
    node->uses.erase(std::unique(node->uses.begin(), node->uses.end()), node->uses.end());

    const std::lock_guard lock(mutex_);
    check_open();
    if (names_.contains(node->name)) {
        throw TeardownError(TeardownErrc::duplicate_name,
                            "the graph already has a node \"" + node->name + "\"");
    }
    for (const std::size_t used : node->uses) make_room(node_at(used).users);
    make_room(nodes_);
    ready_.reserve(nodes_.capacity());  // so that the teardown can begin without memory
    doomed_.reserve(nodes_.capacity());
    const std::size_t index = nodes_.size();
    names_.emplace(node->name, index);
    // From here on nothing fails.
    for (const std::size_t used : node->uses) nodes_[used]->users.push_back(index);
    node->adopt();
    nodes_.push_back(std::move(node));
    return index;
}

ASYNCDROP_DECL void TeardownState::add_edge(std::size_t user, std::size_t used) {
    const std::lock_guard lock(mutex_);
    check_open();
    TeardownNode& from = node_at(user);
    TeardownNode& to = node_at(used);
    if (std::find(from.uses.begin(), from.uses.end(), used) != from.uses.end()) return;
    if (const auto cycle = path(used, user); !cycle.empty()) {
        std::string text = from.name;
        for (const std::size_t index : cycle) text += " -> " + nodes_[index]->name;
        throw TeardownError(TeardownErrc::cycle, "\"" + from.name + "\" cannot use \"" + to.name +
                                                     "\", that would close the cycle " + text);
    }
    make_room(from.uses);
    make_room(to.users);
    from.uses.push_back(used);
    to.users.push_back(user);
}

// The nodes of a shortest way along `uses`, both ends included; empty if there is none.
ASYNCDROP_DECL std::vector<std::size_t> TeardownState::path(std::size_t from, std::size_t to) const {
    std::vector<std::size_t> came_from(nodes_.size(), nodes_.size());
    std::vector<std::size_t> queue{from};
    came_from[from] = from;
    for (std::size_t at = 0; at < queue.size() && came_from[to] == nodes_.size(); ++at) {
        for (const std::size_t used : nodes_[queue[at]]->uses) {
            if (came_from[used] != nodes_.size()) continue;
            came_from[used] = queue[at];
            queue.push_back(used);
        }
    }
    std::vector<std::size_t> way;
    if (came_from[to] == nodes_.size()) return way;
    for (std::size_t at = to; at != from; at = came_from[at]) way.push_back(at);
    way.push_back(from);
    std::reverse(way.begin(), way.end());
    return way;
}

ASYNCDROP_DECL void* TeardownState::value_of(std::size_t index) {
    const std::lock_guard lock(mutex_);
    const TeardownNode& node = node_at(index);
    if (node.state != NodeState::waiting) {
        throw TeardownError(TeardownErrc::already_dropped, "the cleanup of \"" + node.name + "\" has begun");
    }
    return node.value;
}

ASYNCDROP_DECL std::unique_ptr<TeardownNode> TeardownState::remove(
    std::size_t index, bool (*wanted)(const TeardownNode&) noexcept) {
    const std::lock_guard lock(mutex_);
    check_open();
    TeardownNode& node = node_at(index);
    if (!node.users.empty()) {
        std::string text = "\"" + node.name + "\" cannot be released, it is used by";
        for (const std::size_t user : node.users) text += " \"" + nodes_[user]->name + "\"";
        throw TeardownError(TeardownErrc::in_use, text);
    }
    if (!wanted(node)) {
        throw TeardownError(TeardownErrc::wrong_owner,
                            "\"" + node.name + "\" is held by another kind of owner than the one asked for");
    }
    names_.erase(node.name);
    for (const std::size_t used : node.uses) std::erase(nodes_[used]->users, index);
    return std::move(nodes_[index]);
}

}  // namespace asyncdrop::detail
