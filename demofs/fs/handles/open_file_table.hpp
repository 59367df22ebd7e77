// The open files: handle -> OpenFile -> InodeHandle, which all open files of one inode share.
//
// Life of an inode's last handle: release() gives the OpenFile's share back. If it was the last one, the
// shared InodeHandle still has to be cleaned up; it waits in a queue until finish_closing() drops it, and its
// cleanup says that nobody has the inode open any more (`on_closed`).
//
// Threads: the core.
#pragma once

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/hash_map.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/fs/handles/handle_id.hpp"

namespace demofs::fs {

class OpenFileTable;

/// Says, as long as it lives, that an inode is open.
class InodeHandle {
  public:
    InodeHandle(asyncdrop::Passkey<InodeHandle>, OpenFileTable& table, InodeNumber inode);
    InodeHandle(InodeHandle&&) noexcept = default;

    InodeNumber inode() const { return inode_; }

    void async_drop_impl() noexcept;

  private:
    OpenFileTable* table_;
    InodeNumber inode_;
};

/// One handle. Its cleanup is synchronous: a share is given back, or the last one is passed on.
class OpenFile {
  public:
    OpenFile(asyncdrop::Passkey<OpenFile>, OpenFileTable& table, asyncdrop::AsyncDropArc<InodeHandle> inode)
        : table_(&table), inode_(std::move(inode)) {}
    OpenFile(OpenFile&&) noexcept = default;

    const asyncdrop::AsyncDropArc<InodeHandle>& inode() const { return inode_; }

    void async_drop_impl() noexcept;

  private:
    OpenFileTable* table_;
    asyncdrop::AsyncDropArc<InodeHandle> inode_;
};

class OpenFileTable {
  public:
    using OnClosed = std::function<void(InodeNumber)>;

    /// `on_closed` is called when an inode's last open file has been cleaned up; it must not throw.
    static asyncdrop::AsyncDropBox<OpenFileTable> make(OnClosed on_closed) {
        return asyncdrop::make_box<OpenFileTable>(std::move(on_closed));
    }

    OpenFileTable(asyncdrop::Passkey<OpenFileTable>, OnClosed on_closed);
    OpenFileTable(const OpenFileTable&) = delete;
    OpenFileTable& operator=(const OpenFileTable&) = delete;

    HandleId open(InodeNumber inode);
    /// Ends a handle; an unknown one is ignored. has_closing() afterwards: finish_closing() is due.
    void release(HandleId handle);
    void release_all();

    bool has_closing() const { return !closing_.empty(); }
    boost::asio::awaitable<void> finish_closing();

    bool is_open(InodeNumber inode) const { return inodes_.contains(inode); }
    std::size_t size() const { return files_->size(); }

    /// Ends all handles.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    friend class InodeHandle;
    friend class OpenFile;

    struct OpenInode {
        std::vector<HandleId> handles;  // that share one InodeHandle
        std::size_t inode_handles = 0;  // alive: that one, and earlier ones whose cleanup is due
    };

    void last_released(asyncdrop::AsyncDropArc<InodeHandle> inode) noexcept;
    void closed(InodeNumber inode) noexcept;

    OnClosed on_closed_;
    asyncdrop::AsyncDropGuard<asyncdrop::AsyncDropHashMap<HandleId, OpenFile>> files_;
    std::unordered_map<InodeNumber, OpenInode> inodes_;
    std::vector<asyncdrop::AsyncDropArc<InodeHandle>> closing_;
    std::uint64_t next_handle_ = 1;
};

}  // namespace demofs::fs
