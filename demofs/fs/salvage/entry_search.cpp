// A walk down from one node. Only its parent knows where a node's range ends: of one that is found alone,
// nothing is known behind its last key.
#include "demofs/fs/salvage/entry_search.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "demofs/base/error.hpp"
#include "demofs/tree/node.hpp"
#include "demofs/tree/node_codec.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t highest = std::numeric_limits<std::uint64_t>::max();
constexpr KeyRange all_keys{{}, {highest, tree::Kind{255}, highest}};

}  // namespace

struct EntrySearch::Pending {
    block::BlockAddress address;
    unsigned level = 0;
    KeyRange range;
    bool ends_with_last_key = false;  // the range's end is not known
};

bool EntrySearch::is_complete() const {
    return cover_.uncovered(all_keys).empty();
}

asio::awaitable<SharedBytes> EntrySearch::read(block::BlockAddress address) {
    SharedBytes payload;
    try {
        payload = co_await log_.read(address, block::BlockKind::node);
    } catch (const Error&) {
        payload = SharedBytes();
    }
    co_return payload;
}

asio::awaitable<void> EntrySearch::take(FoundNode top) {
    const Generation as_of = top.birth;
    std::vector<Pending> pending(1);
    pending[0].address = top.address;
    pending[0].level = top.level;
    pending[0].range = top.is_record ? all_keys : KeyRange{top.first, key_after(top.last)};
    pending[0].ends_with_last_key = !top.is_record;
    if (cover_.uncovered(pending[0].range).empty() && (top.is_record || top.level == 0)) co_return;
    while (!pending.empty()) {
        Pending at = pending.back();
        pending.pop_back();
        if (!at.ends_with_last_key && cover_.uncovered(at.range).empty()) continue;
        const SharedBytes payload = co_await read(at.address);
        tree::NodeTally tally;
        tree::NodePtr node;
        try {
            if (payload) node = tree::decode_node(payload, tally);
        } catch (const Error&) {
            node = nullptr;
        }
        if (!node || node->level != at.level || (node->count() == 0 && at.ends_with_last_key)) {
            ++lost_nodes_;
            continue;
        }
        if (at.ends_with_last_key) at.range.to = key_after(node->key_at(node->count() - 1));
        if (!node->is_leaf()) {
            for (std::size_t i = 0; i < node->inner.size(); ++i) {
                const bool last = i + 1 == node->inner.size();
                Pending child;
                child.address = node->inner[i].address;
                child.level = node->level - 1u;
                child.range.from = i == 0 ? at.range.from : std::max(node->inner[i].first, at.range.from);
                child.range.to = last ? at.range.to : std::min(node->inner[i + 1].first, at.range.to);
                child.ends_with_last_key = last && at.ends_with_last_key;
                if (child.ends_with_last_key || child.range.from < child.range.to) pending.push_back(child);
            }
            continue;
        }
        for (const KeyRange& gap : cover_.uncovered(at.range)) {
            for (std::size_t i = node->lower_bound(gap.from); i < node->count() && node->key_at(i) < gap.to;
                 ++i)
                entries_.add(node->key_at(i), node->value(node->leaf[i]), at.address, as_of);
            cover_.cover(gap, as_of);
        }
    }
}

}  // namespace demofs::fs
