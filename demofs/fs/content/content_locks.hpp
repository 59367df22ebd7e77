// Order among operations on one file's content that have to suspend: each takes its turn, first come, first
// served.
//
// The synchronous fast paths take no turn; they only decline while somebody has one (`busy`). A mutex exists
// only as long as somebody uses it.
//
//     co_await with_async_drop(enter, work);   // enter: locks.enter(inode); work: gets the turn
//
// Threads: the core.
#pragma once

#include <asyncdrop/guard.hpp>
#include <asyncdrop/mutex.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <unordered_map>

#include "demofs/base/types.hpp"

namespace demofs::fs {

class ContentLocks {
  public:
    /// What the mutex protects is the right to go on; there is nothing to clean up.
    struct Token {
        void async_drop_impl() noexcept {}
    };
    using Mutex = asyncdrop::AsyncDropMutex<Token>;

    /// The right to work on an inode's content; its drop lets the next one in.
    class Turn {
      public:
        Turn(asyncdrop::Passkey<Turn>, ContentLocks& locks, InodeNumber inode, Mutex::Lock lock)
            : locks_(&locks), inode_(inode), lock_(std::move(lock)) {}
        Turn(Turn&&) noexcept = default;

        boost::asio::awaitable<void> async_drop_impl();

      private:
        ContentLocks* locks_;
        InodeNumber inode_;
        Mutex::Lock lock_;
    };

    ContentLocks() = default;
    ContentLocks(const ContentLocks&) = delete;
    ContentLocks& operator=(const ContentLocks&) = delete;

    bool busy(InodeNumber inode) const { return entries_.contains(inode); }

    /// Awaits the turn. Cancellation: leaves the queue and throws.
    boost::asio::awaitable<asyncdrop::AsyncDropGuard<Turn>> enter(InodeNumber inode);

  private:
    struct Entry {
        asyncdrop::AsyncDropGuard<Mutex> mutex;
        std::size_t users = 0;
    };

    boost::asio::awaitable<void> leave(InodeNumber inode);

    std::unordered_map<InodeNumber, Entry> entries_;
};

}  // namespace demofs::fs
