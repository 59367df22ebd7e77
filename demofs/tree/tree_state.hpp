// What a Tree consists of. tree.cpp has its interface and the loading of nodes, commit.cpp the commits.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <exception>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "demofs/base/wait_queue.hpp"
#include "demofs/tree/btree.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::tree {

struct Tree::State {
    State(TreeSettings given, block::BlockStore& store, std::unique_ptr<CommitRecord> from);

    // Runs a synchronous operation of `tree`; a node that the block store has in memory is not a fault.
    template <class F>
    auto resolve(F operation);
    bool load_from_memory(const block::BlockAddress& address);
    boost::asio::awaitable<void> load(NodeFault fault);
    boost::asio::awaitable<void> read_nodes(std::vector<block::BlockAddress> addresses);

    bool dirty() const { return last_change > durable; }
    void throw_if_failed() const;
    void throw_if_unreadable(const NodeFault& fault) const;

    // commit.cpp
    boost::asio::awaitable<void> await_commit(Epoch target);
    void request_commit(Epoch target, const boost::asio::any_io_executor& executor);
    boost::asio::awaitable<void> run_commits();
    boost::asio::awaitable<std::exception_ptr> prepare();
    boost::asio::awaitable<void> prepare_freeze();
    boost::asio::awaitable<void> store_frozen();
    void give_up_attempt(std::exception_ptr error);
    void fold_if_due();
    void try_fold();
    void freeze();
    boost::asio::awaitable<void> append_nodes();
    void finish_record(block::LogDigest digest);
    void publish();
    void fail(const std::exception_ptr& error);

    TreeSettings settings;
    block::BlockStore& blocks;
    BTree tree;

    Counters counters;                   // with all changes so far
    std::uint64_t number_limit = 0;      // below it numbers may be given out
    Generation generation{0};            // of the last attempt
    Epoch last_change{0};                // of the newest apply()
    Epoch durable{0};                    // all changes up to here survive a crash
    std::unique_ptr<CommitRecord> last;  // newest durable record
    std::vector<SegmentLive> to_fold;    // its usage, until it is in the tree
    bool usage_unreadable = false;       // a node of the tree's usage entries is damaged: nothing is folded

    // The commit in flight; after `tree`, whose tally its nodes need.
    std::function<boost::asio::awaitable<void>()> before_commit;
    std::function<void()> before_freeze;
    // Nodes that could not be read for this attempt, while it does what must not suspend.
    using Unreadable = std::unordered_map<block::BlockAddress, std::exception_ptr>;
    const Unreadable* unreadable = nullptr;
    std::uint64_t attempts_given_up = 0;
    std::exception_ptr attempt_error;  // of the last one that was given up
    bool committing = false;           // run_commits runs
    Epoch wanted{0};                   // somebody waits for this epoch to be durable
    FrozenTree frozen;
    std::unique_ptr<CommitRecord> record;  // that is being made
    WaitQueue commit_done;
    std::string failure;  // not empty: read-only for good
    Errc failure_code = Errc::writes_failed;

    std::unordered_set<block::BlockAddress> loading;
    std::size_t loaders = 0;  // operations that wait for a node
    WaitQueue load_done;
};

template <class F>
auto Tree::State::resolve(F operation) {
    for (;;) {
        try {
            return operation();
        } catch (const NodeFault& fault) {
            if (load_from_memory(fault.address)) continue;
            throw_if_unreadable(fault);
            throw;
        }
    }
}

}  // namespace demofs::tree
