// The copy-on-write B+tree that holds all metadata and extents of a vault, with its commits.
//
// Reading and changing are plain synchronous functions over the nodes in memory; one that needs a node which
// is not there throws NodeFault and has changed nothing (see node_fault.hpp; `retry` does the loop). So a
// change is atomic by construction: nothing suspends inside it.
//
// Commit: freezing is a bump of the epoch. Nodes of the frozen epoch are never changed again (a later change
// clones them), so the commit encodes and appends them while new changes go on. A crash shows the last commit
// whose sync had returned, or one newer that happened to reach the disk whole.
//
// Threads: one executor thread (the core). Memory: clean nodes are evicted above `node_cache_bytes`; dirty
// ones stay until committed, and writers await `throttle`.
#pragma once

#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/base/commit_id.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/types.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/tree/changes.hpp"
#include "demofs/tree/key.hpp"
#include "demofs/tree/node_fault.hpp"

namespace demofs::tree {

struct CommitRecord;  // commit_record.hpp

struct TreeSettings {
    std::size_t node_bytes = 4 * 1024;  ///< target size of an encoded node (format allows up to 64 KiB)
    std::size_t node_cache_bytes = 64 * 1024 * 1024;  ///< clean and dirty nodes in memory
    SessionId session{};                              ///< this mount's id
    ReplicaId replica{};                              ///< of the copy of the vault that it is a mount of
    /// The highest generation of any record in the store, used or not (Recovered::seen_generation).
    Generation seen_generation{0};
    std::uint64_t number_reserve = 1u << 20;  ///< numbers that one commit sets aside
    /// Looks through all nodes in memory before each commit and ends the process if one breaks a rule of the
    /// tree. Costs more than the commit itself: for tests.
    bool check_before_commit = false;
};

/// Live bytes of a segment: stored bytes of nodes, payload bytes of data.
struct SegmentLive {
    block::SegmentId segment;
    std::int64_t bytes = 0;

    friend bool operator==(const SegmentLive&, const SegmentLive&) = default;
};

/// Counters kept in every commit record.
struct Counters {
    /// Inode numbers and data ids come from one sequence and are never reused; 1 is the root directory.
    std::uint64_t next_number = 2;
    std::uint64_t inodes = 0;      ///< entries of kind inode
    std::uint64_t data_bytes = 0;  ///< live bytes of file data (extents and inline)
};

class Tree {
  public:
    /// Starts on `last`, the commit found by recovery (recovery.hpp), or on an empty tree if it is null.
    /// `blocks` must outlive the tree's async_drop.
    static asyncdrop::AsyncDropGuard<Tree> make(TreeSettings settings, block::BlockStore& blocks,
                                                std::unique_ptr<CommitRecord> last);

    Tree(asyncdrop::Passkey<Tree>, TreeSettings settings, block::BlockStore& blocks,
         std::unique_ptr<CommitRecord> last);
    Tree(Tree&&) noexcept;
    ~Tree();

    // --- synchronous; each throws NodeFault, or Error(Errc::corrupt) for a node that cannot be decoded ---

    /// The value, valid until the next apply() or suspension.
    std::optional<ByteSpan> find(const Key& key);

    /// Visits entries with from <= key <= to in order until `visit` returns false. The callback must not
    /// change the tree; its value span is valid during the call. A fault may come after some entries were
    /// visited: the operation that is run again has to start over (prefault avoids that).
    void scan(const Key& from, const Key& to, const std::function<bool(const Key&, ByteSpan)>& visit);

    /// The last entry with key <= `key` and the same object and kind.
    std::optional<std::pair<Key, ByteSpan>> find_last_not_after(const Key& key);

    /// Makes sure that apply() of any change with keys in [from, to] cannot fault, until the next suspension.
    void prefault(const Key& from, const Key& to);

    /// Applies all of `changes` or, by throwing, none. Throws Error(Errc::writes_failed) when the tree is
    /// read-only. Returns the epoch that the change belongs to (pass it to make_durable).
    Epoch apply(const Changes& changes);

    /// A fresh inode number / data id, never given out before in this vault's life. Requires numbers_left().
    std::uint64_t allocate_number();
    /// False: await commit() first. Numbers are only given out below the limit that a durable commit of this
    /// mount has set, so a mount's first number needs a commit.
    bool numbers_left() const;

    // --- asynchronous ----------------------------------------------------------------------------

    /// Reads the missing node. Concurrent loads of one node are done once.
    boost::asio::awaitable<void> load(NodeFault fault);

    /// Runs `operation` (a callable without arguments) until it completes without a NodeFault.
    template <class F>
    boost::asio::awaitable<std::invoke_result_t<F&>> retry(F operation);

    Epoch epoch() const;          ///< of changes made now
    Epoch durable_epoch() const;  ///< all changes of epochs <= this survive a crash

    /// Durability: every change of `epoch` and before survives a crash on return. Concurrent callers share
    /// one commit. Throws Error(Errc::writes_failed) if the commit fails; the tree is then read-only for
    /// good. What fails before a commit has frozen anything (its hooks) is thrown as it is: nothing is lost
    /// then, and the caller may try again.
    boost::asio::awaitable<void> make_durable(Epoch epoch);

    /// Commits now if anything is dirty, or to reserve numbers if none are left. An empty vault's first
    /// commit is this one, too. Errors as for make_durable.
    boost::asio::awaitable<void> commit();

    /// Awaits until dirty nodes and unsynced blocks are below their limits, committing if need be: above half
    /// of node_cache_bytes a commit is started, above three quarters it is awaited. A failed commit shows in
    /// apply().
    boost::asio::awaitable<void> throttle();

    /// Whether throttle() has something to do for nodes.
    bool needs_throttle() const;

    /// Called by each commit right before it freezes the tree, without a suspension in between: what it
    /// applies is in that commit. It may throw NodeFault, and is called again then; if the node cannot be
    /// read, what needs it throws that error instead, so that the hook can pass over it. Any other exception
    /// fails this attempt. Empty: none.
    void set_before_freeze(std::function<void()> hook);
    /// Called and awaited by each commit before that: for what would take too long at one go. An exception
    /// fails this attempt. It must not wait for a commit. Empty: none.
    void set_before_commit(std::function<boost::asio::awaitable<void>()> hook);
    /// Takes both hooks away; on return none of them runs.
    boost::asio::awaitable<void> remove_hooks();

    bool dirty() const;                  ///< whether a change is not durable yet
    bool read_only() const;              ///< whether a commit has failed
    const std::string& failure() const;  ///< why, as a sentence; empty while all is well
    Errc failure_code() const;           ///< writes_failed or disk_full
    const Counters& counters() const;
    /// Of the last commit attempt; new data blocks are born in the next one.
    Generation generation() const;
    block::BlockStore& blocks();
    const CommitRecord* last_commit() const;  ///< the newest durable one; null before an empty vault's first
    std::size_t resident_bytes() const;       ///< memory of all nodes
    std::size_t dirty_bytes() const;          ///< of those that are not stored yet

    /// All usage of segments as of the changes made so far and committed: entries of the tree plus what the
    /// last record tells. For recovery, the cleaner and the checker. Faults.
    std::vector<SegmentLive> segment_usage();

    /// Final commit (if the tree is not read-only), then forgets all nodes. Throws Error(Errc::writes_failed)
    /// if changes were lost. No other operation may be in flight, commits of the tree's own apart.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

template <class F>
boost::asio::awaitable<std::invoke_result_t<F&>> Tree::retry(F operation) {
    for (;;) {
        std::optional<NodeFault> fault;
        try {
            co_return operation();
        } catch (const NodeFault& missing) {
            fault.emplace(missing);
        }
        co_await load(*fault);
    }
}

}  // namespace demofs::tree
