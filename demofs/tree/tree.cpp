// The interface of the tree, and the loading of nodes. Operations never suspend; what they miss is loaded by
// their caller (Tree::retry), and the node cache is kept within its limit each time a node comes in.
#include "demofs/tree/tree.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"
#include "demofs/tree/tree_state.hpp"

namespace demofs::tree {

namespace asio = boost::asio;

// --- state ---------------------------------------------------------------------------------------

Tree::State::State(TreeSettings given, block::BlockStore& store, std::unique_ptr<CommitRecord> from)
    : settings(given),
      blocks(store),
      tree(from ? BTree(given.node_bytes, from->root, from->root_birth, from->root_level)
                : BTree(given.node_bytes)),
      last(std::move(from)) {
    generation = settings.seen_generation;
    if (last) {
        counters = last->counters;
        counters.next_number = last->number_limit;  // what lies below may have been given out before a crash
        generation = std::max(generation, last->generation);
        to_fold = last->usage;
    }
}

void Tree::State::throw_if_failed() const {
    if (!failure.empty()) throw Error(failure_code, failure);
}

void Tree::State::throw_if_unreadable(const NodeFault& fault) const {
    if (unreadable == nullptr) return;
    const auto known = unreadable->find(fault.address);
    if (known != unreadable->end()) std::rethrow_exception(known->second);
}

bool Tree::State::load_from_memory(const block::BlockAddress& address) {
    const SharedBytes payload = blocks.try_read(address);
    if (!payload) return false;
    tree.add_loaded(address, payload);
    return true;
}

// Whoever finds the node being read by another waits, and then lets its operation find out whether that
// worked: a failed read is tried again, and reported, by each.
asio::awaitable<void> Tree::State::load(NodeFault fault) {
    if (loading.contains(fault.address)) {
        ++loaders;
        while (loading.contains(fault.address)) co_await load_done.wait();
        --loaders;
        co_return;
    }
    if (tree.is_loaded(fault.address)) co_return;
    std::vector<block::BlockAddress> addresses{fault.address};
    for (const block::BlockAddress& beside : fault.neighbours) {
        if (!loading.contains(beside) && !tree.is_loaded(beside)) addresses.push_back(beside);
    }
    std::sort(addresses.begin(), addresses.end());  // what lies side by side is one read
    loading.insert(addresses.begin(), addresses.end());
    ++loaders;
    std::exception_ptr error;
    try {
        co_await read_nodes(addresses);
    } catch (...) {
        error = std::current_exception();
    }
    // What is wrong with a neighbour is the business of those who want it.
    if (error && addresses.size() > 1) {
        error = nullptr;
        std::vector<block::BlockAddress> alone{fault.address};
        try {
            co_await read_nodes(std::move(alone));
        } catch (...) {
            error = std::current_exception();
        }
    }
    for (const block::BlockAddress& address : addresses) loading.erase(address);
    --loaders;
    load_done.wake_all();
    tree.evict(settings.node_cache_bytes, loaders);
    if (error) std::rethrow_exception(error);
}

asio::awaitable<void> Tree::State::read_nodes(std::vector<block::BlockAddress> addresses) {
    if (addresses.size() == 1) {
        const SharedBytes payload = co_await blocks.read(addresses.front(), block::BlockKind::node);
        tree.add_loaded(addresses.front(), payload);
        co_return;
    }
    const std::vector<SharedBytes> payloads = co_await blocks.read_many(addresses, block::BlockKind::node);
    for (std::size_t i = 0; i < addresses.size(); ++i) tree.add_loaded(addresses[i], payloads[i]);
}

// --- the interface -------------------------------------------------------------------------------

asyncdrop::AsyncDropGuard<Tree> Tree::make(TreeSettings settings, block::BlockStore& blocks,
                                           std::unique_ptr<CommitRecord> last) {
    return asyncdrop::make_guard<Tree>(settings, blocks, std::move(last));
}

Tree::Tree(asyncdrop::Passkey<Tree>, TreeSettings settings, block::BlockStore& blocks,
           std::unique_ptr<CommitRecord> last)
    : state_(std::make_unique<State>(settings, blocks, std::move(last))) {}
Tree::Tree(Tree&&) noexcept = default;
Tree::~Tree() = default;

std::optional<ByteSpan> Tree::find(const Key& key) {
    return state_->resolve([&] { return state_->tree.find(key); });
}

void Tree::scan(const Key& from, const Key& to, const std::function<bool(const Key&, ByteSpan)>& visit) {
    // Not resolved inside: entries must not be visited twice within one call.
    try {
        state_->tree.scan(from, to, visit);
    } catch (const NodeFault& fault) {
        state_->throw_if_unreadable(fault);
        throw;
    }
}

std::optional<std::pair<Key, ByteSpan>> Tree::find_last_not_after(const Key& key) {
    return state_->resolve([&] { return state_->tree.find_last_not_after(key); });
}

void Tree::prefault(const Key& from, const Key& to) {
    state_->resolve([&] { state_->tree.prefault(from, to); });
}

Epoch Tree::apply(const Changes& changes) {
    State& state = *state_;
    state.throw_if_failed();
    const ChangeEffect effect = state.resolve([&] { return state.tree.check(changes); });
    std::int64_t data_bytes = effect.inline_bytes;
    for (const Changes::Usage& use : changes.usage) data_bytes += use.bytes;
    state.tree.apply(changes);
    state.counters.inodes += static_cast<std::uint64_t>(effect.inodes);
    state.counters.data_bytes += static_cast<std::uint64_t>(data_bytes);
    return state.last_change = state.tree.epoch();
}

std::uint64_t Tree::allocate_number() {
    invariant(numbers_left(), "A number is given out below the durable limit.");
    return state_->counters.next_number++;
}

bool Tree::numbers_left() const {
    return state_->counters.next_number < state_->number_limit;
}

asio::awaitable<void> Tree::load(NodeFault fault) {
    return state_->load(std::move(fault));
}

Epoch Tree::epoch() const {
    return state_->tree.epoch();
}
Epoch Tree::durable_epoch() const {
    return state_->durable;
}

asio::awaitable<void> Tree::make_durable(Epoch epoch) {
    State& state = *state_;
    const Epoch target = std::min(epoch, state.last_change);  // later epochs hold nothing yet
    if (target > state.durable) co_await state.await_commit(target);
}

asio::awaitable<void> Tree::commit() {
    State& state = *state_;
    if (state.dirty()) {
        co_await state.await_commit(state.last_change);
    } else if (!numbers_left() || !state.last) {
        co_await state.await_commit(state.tree.epoch());
    }
}

asio::awaitable<void> Tree::throttle() {
    State& state = *state_;
    if (needs_throttle()) {
        const std::size_t limit = state.settings.node_cache_bytes;
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        state.request_commit(state.last_change, executor);
        while (state.committing && dirty_bytes() > limit / 4 * 3) co_await state.commit_done.wait();
    }
    co_await state.blocks.throttle();
}

bool Tree::needs_throttle() const {
    const State& state = *state_;
    return state.dirty() && state.failure.empty() && dirty_bytes() > state.settings.node_cache_bytes / 2;
}

void Tree::set_before_freeze(std::function<void()> hook) {
    state_->before_freeze = std::move(hook);
}

void Tree::set_before_commit(std::function<asio::awaitable<void>()> hook) {
    state_->before_commit = std::move(hook);
}

asio::awaitable<void> Tree::remove_hooks() {
    State& state = *state_;
    state.before_freeze = {};
    state.before_commit = {};
    while (state.committing) co_await state.commit_done.wait();
}

bool Tree::dirty() const {
    return state_->dirty();
}
bool Tree::read_only() const {
    return !state_->failure.empty();
}
Errc Tree::failure_code() const {
    return state_->failure_code;
}
const std::string& Tree::failure() const {
    return state_->failure;
}
const Counters& Tree::counters() const {
    return state_->counters;
}
Generation Tree::generation() const {
    return state_->generation;
}
block::BlockStore& Tree::blocks() {
    return state_->blocks;
}
const CommitRecord* Tree::last_commit() const {
    return state_->last.get();
}
std::size_t Tree::resident_bytes() const {
    return state_->tree.tally().bytes;
}
std::size_t Tree::dirty_bytes() const {
    return state_->tree.tally().dirty_bytes;
}

std::vector<SegmentLive> Tree::segment_usage() {
    return state_->resolve([&] {
        std::vector<SegmentLive> usage;
        state_->tree.scan({0, Kind::segment_usage, 0}, {0, Kind::segment_usage, ~std::uint64_t{0}},
                          [&](const Key& key, ByteSpan value) {
                              usage.push_back(decode_segment_usage(key, value));
                              return true;
                          });
        for (const SegmentLive& delta : state_->to_fold) {
            const auto found = std::ranges::lower_bound(usage, delta.segment, {}, &SegmentLive::segment);
            if (found != usage.end() && found->segment == delta.segment) {
                found->bytes += delta.bytes;
            } else {
                usage.insert(found, delta);
            }
        }
        std::erase_if(usage, [](const SegmentLive& entry) { return entry.bytes == 0; });
        return usage;
    });
}

asio::awaitable<void> Tree::async_drop_impl() {
    State& state = *state_;
    std::exception_ptr error;
    try {
        if (state.dirty()) co_await state.await_commit(state.last_change);
    } catch (...) {
        error = std::current_exception();
    }
    while (state.committing) co_await state.commit_done.wait();
    while (!state.loading.empty()) co_await state.load_done.wait();
    if (error) std::rethrow_exception(error);
}

}  // namespace demofs::tree
