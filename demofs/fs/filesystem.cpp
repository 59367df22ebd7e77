#include "demofs/fs/filesystem.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/edit/tree_edit.hpp"
#include "demofs/fs/filesystem_state.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

// Failed storage is EIO for whoever asked for durability, also where a change is told EROFS.
std::errc durability_error(std::errc code) {
    return code == std::errc::read_only_file_system ? std::errc::io_error : code;
}

}  // namespace

asio::awaitable<void> Filesystem::format(tree::Tree& tree, std::uint32_t uid, std::uint32_t gid) {
    const Timestamp now = Timestamp::now();
    const auto add_root = [&tree, uid, gid, now] {
        TreeEdit edit(tree);
        if (edit.inode(root_inode) != nullptr)
            throw Error(std::errc::file_exists, "The vault has a root directory already");
        InodeRecord root;
        root.mode = S_IFDIR | 0755;
        root.uid = uid;
        root.gid = gid;
        root.links = 2;
        root.data_id = DataId{raw(root_inode)};
        root.parent = root_inode;
        root.accessed = root.modified = root.changed = root.created = now;
        edit.add_inode(root_inode, root);
        return edit.apply();
    };
    const Epoch epoch = co_await tree.retry(add_root);
    co_await tree.make_durable(epoch);
}

asyncdrop::AsyncDropGuard<Filesystem> Filesystem::make(FilesystemSettings settings, tree::Tree& tree,
                                                       store::ObjectStore& store, NameHash name_hash,
                                                       asio::any_io_executor executor) {
    return asyncdrop::make_guard<Filesystem>(std::move(settings), tree, store, std::move(name_hash),
                                             std::move(executor));
}

Filesystem::Filesystem(asyncdrop::Passkey<Filesystem>, FilesystemSettings settings, tree::Tree& tree,
                       store::ObjectStore& store, NameHash name_hash, asio::any_io_executor executor)
    : state_(std::make_unique<State>(std::move(settings), tree, store, std::move(name_hash),
                                     std::move(executor))) {}

Filesystem::Filesystem(Filesystem&&) noexcept = default;
Filesystem::~Filesystem() = default;

void Filesystem::start() {
    if (state_->settings.read_only) return;
    state_->reclaimer->start();
    state_->flusher->start();
}

template <class Operation>
std::optional<Result<typename Operation::Reply>> Filesystem::try_run(const Operation& operation) {
    State& state = *state_;
    if (state.must_take_turn(operation)) return std::nullopt;
    return state.try_attempt([&] { return state.execute(operation); });
}

template <class Operation>
asio::awaitable<Result<typename Operation::Reply>> Filesystem::run(Operation operation) {
    State& state = *state_;
    const auto once = [&state, &operation] { return state.execute(operation); };
    co_return co_await state.attempt(once);
}

template <>
asio::awaitable<Result<Attributes>> Filesystem::run(SetAttributes operation) {
    State& state = *state_;
    const auto once = [&state, &operation] { return state.execute(operation); };
    if (!operation.set_size) co_return co_await state.attempt(once);
    const auto enter = [&state, &operation] { return state.content_locks.enter(operation.inode); };
    const auto work = [&state, &once](ContentLocks::Turn&) { return state.attempt(once); };
    std::exception_ptr error;
    try {
        co_return co_await asyncdrop::with_async_drop(enter, work);
    } catch (...) {
        error = std::current_exception();
    }
    co_return state.failed(error);
}

#define DEMOFS_INSTANTIATE(Operation)                                                       \
    template std::optional<Result<Operation::Reply>> Filesystem::try_run(const Operation&); \
    template asio::awaitable<Result<Operation::Reply>> Filesystem::run(Operation);
DEMOFS_INSTANTIATE(Lookup)
DEMOFS_INSTANTIATE(GetAttributes)
DEMOFS_INSTANTIATE(ReadLink)
DEMOFS_INSTANTIATE(ReadDirectory)
DEMOFS_INSTANTIATE(Create)
DEMOFS_INSTANTIATE(Link)
DEMOFS_INSTANTIATE(Remove)
DEMOFS_INSTANTIATE(Rename)
template std::optional<Result<Attributes>> Filesystem::try_run(const SetAttributes&);
#undef DEMOFS_INSTANTIATE

asio::awaitable<Result<Nothing>> Filesystem::sync(InodeNumber inode) {
    State& state = *state_;
    if (state.storage_failed()) {
        state.report_failed_storage();
        co_return state.storage_error();
    }
    const Result<Nothing> flushed = co_await state.flush_file(inode);
    if (!flushed) co_return durability_error(flushed.error());
    const Epoch* last_change = state.changes.find(inode);
    if (last_change == nullptr) co_return Nothing{};
    const Epoch epoch = *last_change;
    co_return co_await state.make_durable(epoch);
}

asio::awaitable<Result<Nothing>> Filesystem::sync_all() {
    State& state = *state_;
    if (state.storage_failed()) {
        state.report_failed_storage();
        co_return state.storage_error();
    }
    const Result<Nothing> flushed = co_await state.flush_all();
    if (!flushed) co_return durability_error(flushed.error());
    if (!state.tree.dirty() && state.tree.durable_epoch() >= state.tree.epoch()) co_return Nothing{};
    const Epoch epoch = state.tree.epoch();
    co_return co_await state.make_durable(epoch);
}

Result<Nothing> Filesystem::flush(InodeNumber inode) {
    State& state = *state_;
    if (!state.storage_failed()) return Nothing{};
    const bool lost = state.contents.dirty().find(inode) != nullptr || state.changes.find(inode) != nullptr;
    if (lost) return state.storage_error();
    return Nothing{};
}

asio::awaitable<Result<FilesystemSpace>> Filesystem::space() {
    State& state = *state_;
    std::exception_ptr error;
    FilesystemSpace reply;
    try {
        const store::StoreSpace space = co_await state.store.space();
        const std::uint64_t taken =
            state.space_gate.reserve_bytes_of(space.total_bytes) + state.unwritten_bytes();
        reply.total_bytes = space.total_bytes;
        reply.free_bytes = space.free_bytes - std::min(space.free_bytes, taken);
        reply.inodes = state.tree.counters().inodes;
    } catch (...) {
        error = std::current_exception();
    }
    if (error) co_return state.failed(error);
    co_return reply;
}

void Filesystem::retain(InodeNumber inode) {
    state_->lookups.retain(inode);
}

void Filesystem::forget(InodeNumber inode, std::uint64_t count) {
    if (state_->lookups.forget(inode, count)) state_->consider_reclaiming(inode);
}

void Filesystem::forget_all() {
    State& state = *state_;
    state.open_files->release_all();
    state.lookups.clear();
    const std::vector<InodeNumber> candidates(state.unlinked.begin(), state.unlinked.end());
    for (const InodeNumber inode : candidates) state.consider_reclaiming(inode);
    if (state.open_files->has_closing()) state.reclaimer->wake();
}

std::size_t Filesystem::open_handles() const {
    return state_->open_files->size();
}

std::size_t Filesystem::dirty_files() const {
    return state_->contents.dirty().size();
}

std::vector<InodeNumber> Filesystem::unwritten_inodes() const {
    std::vector<InodeNumber> inodes = state_->contents.dirty().all();
    state_->changes.forget_until(state_->tree.durable_epoch());
    const std::vector<InodeNumber> changed = state_->changes.all();
    inodes.insert(inodes.end(), changed.begin(), changed.end());
    std::sort(inodes.begin(), inodes.end());
    inodes.erase(std::unique(inodes.begin(), inodes.end()), inodes.end());
    return inodes;
}

asio::awaitable<void> Filesystem::async_drop_impl() {
    State& state = *state_;
    // Handles first: ending the last one of an unlinked inode gives work to the reclaimer. Both tasks stop
    // where they are; what is left is in the tree for the next mount.
    std::exception_ptr first;
    forget_all();
    try {
        co_await state.open_files->finish_closing();
        co_await asyncdrop::drop_in_order(state.readahead, state.flusher, state.reclaimer, state.open_files);
    } catch (...) {
        first = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    if (!state.settings.read_only && state.contents.dirty().size() > 0) {
        const Result<Nothing> flushed = co_await state.flush_all();
        if (!flushed && !first) {
            const std::string& cause = state.tree.blocks().failure();
            first = std::make_exception_ptr(
                Error(flushed.error(), "Content of " + std::to_string(state.contents.dirty().size()) +
                                           " files could not be written" +
                                           (cause.empty() ? "" : " (" + cause + ")")));
        }
    }
    state.tree.set_before_freeze({});
    if (first) std::rethrow_exception(first);
}

}  // namespace demofs::fs
