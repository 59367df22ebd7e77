// The life of a Filesystem, the kernel's lookup counts, and figures for reports.
#include "demofs/fs/filesystem.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/edit/tree_edit.hpp"
#include "demofs/fs/filesystem_state.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

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

std::vector<InodeNumber> Filesystem::undurable_inodes() const {
    std::vector<InodeNumber> inodes = state_->contents.dirty().all();
    state_->change_epochs.settle_until(state_->tree.durable_epoch());
    const std::vector<InodeNumber> changed = state_->change_epochs.all();
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
    co_await state.tree.remove_hooks();
    if (first) std::rethrow_exception(first);
}

}  // namespace demofs::fs
