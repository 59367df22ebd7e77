// Who may drop what, and when: release() is called by a request that must be answered at once, so it only
// gives shares back. The last share of an inode needs an awaited drop; it waits in `closing_` for the
// reclaimer.
#include "demofs/fs/handles/open_file_table.hpp"

#include <algorithm>
#include <asyncdrop/even_if_cancelled.hpp>
#include <utility>

namespace demofs::fs {

namespace asio = boost::asio;
using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropGuard;

InodeHandle::InodeHandle(asyncdrop::Passkey<InodeHandle>, OpenFileTable& table, InodeNumber inode)
    : table_(&table), inode_(inode) {
    ++table.inodes_[inode].inode_handles;
}

void InodeHandle::async_drop_impl() noexcept {
    table_->closed(inode_);
}

void OpenFile::async_drop_impl() noexcept {
    if (!inode_.try_release()) table_->last_released(std::move(inode_));
}

OpenFileTable::OpenFileTable(asyncdrop::Passkey<OpenFileTable>, OnClosed on_closed)
    : on_closed_(std::move(on_closed)), files_(asyncdrop::AsyncDropHashMap<HandleId, OpenFile>::create()) {}

HandleId OpenFileTable::open(InodeNumber inode) {
    closing_.reserve(files_->size() + closing_.size() + 1);  // so that release() needs no memory
    const HandleId handle{next_handle_++};
    const auto known = inodes_.find(inode);
    AsyncDropArc<InodeHandle> shared;
    // All handles of an inode share one InodeHandle. One whose drop is already due cannot be shared any more.
    if (known != inodes_.end() && !known->second.handles.empty()) {
        shared = files_->get(known->second.handles.back())->inode().clone();
    } else {
        shared = AsyncDropArc<InodeHandle>(asyncdrop::make_guard<InodeHandle>(*this, inode));
    }
    inodes_[inode].handles.push_back(handle);
    AsyncDropGuard<OpenFile> file = asyncdrop::make_guard<OpenFile>(*this, std::move(shared));
    AsyncDropGuard<OpenFile> rejected = files_->try_insert(handle, std::move(file));
    if (rejected) rejected.drop_now();  // cannot be: the handle is new
    return handle;
}

void OpenFileTable::release(HandleId handle) {
    AsyncDropGuard<OpenFile> file = files_->remove(handle);
    if (!file) return;
    std::vector<HandleId>& handles = inodes_.at(file->inode()->inode()).handles;
    handles.erase(std::find(handles.begin(), handles.end(), handle));
    file.drop_now();
}

void OpenFileTable::release_all() {
    std::vector<HandleId> handles;
    for (const auto& [inode, open] : inodes_)
        handles.insert(handles.end(), open.handles.begin(), open.handles.end());
    for (const HandleId handle : handles) release(handle);
}

void OpenFileTable::last_released(AsyncDropArc<InodeHandle> inode) noexcept {
    closing_.push_back(std::move(inode));
}

void OpenFileTable::closed(InodeNumber inode) noexcept {
    const auto found = inodes_.find(inode);
    if (--found->second.inode_handles != 0) return;
    inodes_.erase(found);
    on_closed_(inode);
}

asio::awaitable<void> OpenFileTable::finish_closing() {
    while (!closing_.empty()) {
        AsyncDropArc<InodeHandle> inode = std::move(closing_.back());
        closing_.pop_back();
        co_await asyncdrop::even_if_cancelled;
        co_await inode.async_drop();
    }
}

asio::awaitable<void> OpenFileTable::async_drop_impl() {
    release_all();
    co_await finish_closing();
    co_await files_.async_drop();
}

}  // namespace demofs::fs
