// Commits: what of the tree is in memory only becomes durable, together, in one record.
//
//   prepare -> freeze -> append nodes -> digest -> append record -> sync -> publish
//
// One commit runs at a time, in a coroutine of its own, so that a cancelled waiter does not take it along.
// Everybody who wants an epoch to be durable waits for the commit that contains it: the one that has not
// frozen yet, if the change came before the freeze, else the next one. Before the freeze nothing is lost by a
// failure: those who wait are told, and the next attempt may succeed. The first failure after it ends all
// commits of this mount.
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>
#include <system_error>

#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"
#include "demofs/tree/node_codec.hpp"
#include "demofs/tree/tree_state.hpp"

namespace demofs::tree {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds longest_run{1};   // other work waits no longer for a large commit
constexpr std::size_t max_unfolded_deltas = 32;       // segments; 768 bytes of a record
constexpr std::size_t max_record_deltas = 16 * 1024;  // a record of that many is far below a block's limit

std::int64_t wall_clock_ns() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

void add(std::vector<SegmentLive>& sums, const Usage& usage) {
    for (const auto& [segment, bytes] : usage) sums.push_back({segment, bytes});
    std::ranges::sort(sums, {}, &SegmentLive::segment);
    std::size_t kept = 0;
    for (const SegmentLive& sum : sums) {
        if (kept > 0 && sums[kept - 1].segment == sum.segment) {
            sums[kept - 1].bytes += sum.bytes;
        } else {
            sums[kept++] = sum;
        }
    }
    sums.resize(kept);
    std::erase_if(sums, [](const SegmentLive& sum) { return sum.bytes == 0; });
}

}  // namespace

// --- waiting -------------------------------------------------------------------------------------

asio::awaitable<void> Tree::State::await_commit(Epoch target) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    while (durable < target) {
        throw_if_failed();
        const std::uint64_t given_up = attempts_given_up;
        request_commit(target, executor);
        if (committing) co_await commit_done.wait();
        if (attempts_given_up != given_up) std::rethrow_exception(attempt_error);
    }
}

void Tree::State::request_commit(Epoch target, const asio::any_io_executor& executor) {
    wanted = std::max(wanted, target);
    if (committing || !failure.empty()) return;
    committing = true;
    asio::co_spawn(executor, run_commits(), asio::detached);
}

asio::awaitable<void> Tree::State::run_commits() {
    try {
        while (wanted > durable) {
            const std::exception_ptr error = co_await prepare();
            if (error) {
                give_up_attempt(error);
                break;
            }
            freeze();
            co_await store_frozen();
            publish();
            commit_done.wake_all();
        }
    } catch (...) {
        fail(std::current_exception());
    }
    committing = false;
    commit_done.wake_all();
}

void Tree::State::give_up_attempt(std::exception_ptr error) {
    attempt_error = std::move(error);
    ++attempts_given_up;
    wanted = durable;  // who still wants it asks again
}

// The nodes of the failed attempt are neither stored nor changeable any more, so there is no second try; what
// is in memory can still be read.
void Tree::State::fail(const std::exception_ptr& error) {
    failure = "The vault has become read-only, because a commit failed: " + describe(error);
    failure_code = write_failure(error);
    frozen = {};
    record.reset();
}

// --- one commit ----------------------------------------------------------------------------------

// The last moment to change what this commit will hold; the freeze must follow without a suspension. Returns
// the error that this attempt fails with, if any.
asio::awaitable<std::exception_ptr> Tree::State::prepare() {
    try {
        if (before_commit) {
            asio::awaitable<void> hook = before_commit();
            co_await std::move(hook);
        }
        co_await prepare_freeze();
    } catch (...) {
        co_return std::current_exception();
    }
    co_return nullptr;
}

// Makes durable what is frozen: changes belong to the next epoch from the freeze on, and clone it.
asio::awaitable<void> Tree::State::store_frozen() {
    // 1. Children before parents, because a parent holds its children's addresses.
    co_await append_nodes();
    // 2. What the record vouches for is everything that was appended since the last digest. A block that came
    //    between the digest and the record would be in no record's ranges, so nothing suspends there.
    block::LogDigest digest = co_await blocks.digest();
    finish_record(std::move(digest));
    // 3. One sync for nodes, content and record together. They may reach the disk in any order: until the
    //    ranges verify, the record counts for nothing.
    co_await blocks.sync();
}

// What must not suspend before the freeze: the hook (fs: content that the new names and sizes rely on), and now
// and then the folding. Nodes that they miss are loaded, and they start over; one that cannot be read is an
// error of whatever needs it, and of nothing else.
asio::awaitable<void> Tree::State::prepare_freeze() {
    Unreadable unreadable_nodes;
    for (;;) {
        std::optional<NodeFault> fault;
        unreadable = &unreadable_nodes;
        try {
            if (before_freeze) resolve([this] { before_freeze(); });
            fold_if_due();
        } catch (const NodeFault& missing) {
            fault.emplace(missing);
        } catch (...) {
            unreadable = nullptr;
            throw;
        }
        unreadable = nullptr;
        if (!fault) co_return;
        std::exception_ptr error;
        try {
            co_await load(*fault);
        } catch (...) {
            error = std::current_exception();
        }
        if (error) unreadable_nodes.emplace(fault->address, std::move(error));
    }
}

// The table of live bytes can be computed anew from the tree, so one that cannot be read is no reason to stop
// writing: the changes stay in the record.
void Tree::State::fold_if_due() {
    if (to_fold.size() + tree.usage_size() <= max_unfolded_deltas || usage_unreadable) return;
    try {
        resolve([this] { try_fold(); });
    } catch (const std::system_error& error) {
        usage_unreadable =
            error.code() == make_error_code(Errc::corrupt);  // else the next commit tries again
    }
}

// Brings the usage that the last record tells into the tree's entries. Not in every commit: the entries lie
// in a leaf of their own, which would be written each time. Only before a freeze, because a commit cannot
// store what it itself does to the usage; a suspension before it could let the usage be counted twice.
void Tree::State::try_fold() {
    if (tree.usage_size() > max_record_deltas) add(to_fold, tree.take_usage());
    Changes changes;
    for (const SegmentLive& delta : to_fold) {
        const Key key{0, Kind::segment_usage, delta.segment.sequence};
        std::int64_t live = delta.bytes;
        const std::optional<ByteSpan> value = tree.find(key);
        if (value) {
            const SegmentLive old = decode_segment_usage(key, *value);
            if (old.segment != delta.segment) {
                throw Error(Errc::corrupt, "Two segments have the number " + std::to_string(key.key) + ".");
            }
            live += old.bytes;
        }
        if (live != 0) {
            changes.put(key, encode_segment_usage(delta.segment.salt, live));
        } else if (value) {
            changes.erase(key);
        }
    }
    static_cast<void>(tree.check(changes));
    tree.apply(changes);
    to_fold.clear();
}

void Tree::State::freeze() {
    if (settings.check_before_commit) {
        const std::string violation = tree.find_violation();
        invariant(violation.empty(), violation.c_str());
    }
    generation = next(generation);  // also a failed attempt uses it up
    record = std::make_unique<CommitRecord>();
    record->generation = generation;
    if (last) {
        record->parent = last->address;
        record->parent_generation = last->generation;
        record->versions = last->versions;
        record->given_up = last->given_up;
        record->left_open = last->left_open;
    }
    record->session = settings.session;
    record->time_ns = wall_clock_ns();
    record->counters = counters;
    // Numbers above the limit are in use nowhere, also not by a mount that crashed before it committed them.
    record->number_limit = std::max(number_limit, counters.next_number + settings.number_reserve);
    note_version(record->versions, settings.replica, {settings.session, generation});
    frozen = tree.freeze();
}

asio::awaitable<void> Tree::State::append_nodes() {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto started = std::chrono::steady_clock::now();
    std::size_t since = 0;
    for (NodePtr& node : frozen.dirty) {
        block::BlockHeader header;
        header.kind = block::BlockKind::node;
        header.owner = node->level;
        header.birth_generation = raw(record->generation);
        const block::BlockAddress where = blocks.append(header, encode_node(*node), block::Placement::packed);
        // Readable from the block store from now on, so the tree may let go of it before it is durable.
        node->mark_stored(where, record->generation);
        frozen.usage[where.segment] += static_cast<std::int64_t>(where.stored_bytes());
        node.reset();
        // A large commit lets others run now and then. Content that they append is in this commit's ranges
        // then, which does no harm.
        if (++since % 16 != 0 || std::chrono::steady_clock::now() - started < longest_run) continue;
        co_await blocks.throttle();
        co_await asio::post(executor, asio::use_awaitable);
        started = std::chrono::steady_clock::now();
    }
    // When these were replaced, the commit before was still storing them: only now they have an address to be
    // taken off the books.
    for (const NodePtr& node : frozen.superseded) {
        invariant(bool(node->address), "A node that is replaced was stored by the commit before.");
        frozen.usage[node->address.segment] -= static_cast<std::int64_t>(node->address.stored_bytes());
    }
}

void Tree::State::finish_record(block::LogDigest digest) {
    record->log = std::move(digest);
    record->root = frozen.root.child ? frozen.root.child->address : frozen.root.address;
    record->root_birth = frozen.root.child ? frozen.root.child->birth : frozen.root.birth;
    record->root_level = frozen.root_level;
    record->usage = to_fold;  // not folded into the tree yet; empty if this commit did it
    add(record->usage, frozen.usage);

    block::BlockHeader header;
    header.kind = block::BlockKind::commit;
    header.birth_generation = raw(record->generation);
    record->address = blocks.append(header, encode_commit_record(*record), block::Placement::aligned);
}

void Tree::State::publish() {
    invariant(frozen.epoch > durable, "Commits are published in the order of their epochs.");
    durable = frozen.epoch;
    number_limit = record->number_limit;
    to_fold = record->usage;
    last = std::move(record);
    frozen = {};
    tree.evict(settings.node_cache_bytes, loaders);
}

}  // namespace demofs::tree
