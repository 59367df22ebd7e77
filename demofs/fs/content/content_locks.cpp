// How a turn is handed on: a mutex per file, made by the first who enters and dropped by the last who leaves.
// Whoever waits is counted as a user, so the entry stays until it has had its turn, also if it is cancelled.
#include "demofs/fs/content/content_locks.hpp"

#include <asyncdrop/even_if_cancelled.hpp>
#include <exception>
#include <utility>

namespace demofs::fs {

namespace asio = boost::asio;
using asyncdrop::AsyncDropGuard;

asio::awaitable<void> ContentLocks::Turn::async_drop_impl() {
    lock_.unlock();  // first: if others wait, the mutex goes on without this turn
    return locks_->leave(inode_);
}

asio::awaitable<AsyncDropGuard<ContentLocks::Turn>> ContentLocks::enter(InodeNumber inode) {
    Entry& entry = entries_[inode];
    if (!entry.mutex) entry.mutex = Mutex::create(AsyncDropGuard<Token>::adopt(Token{}));
    ++entry.users;  // before the wait: the one ahead must not take the mutex away
    std::exception_ptr error;
    Mutex::Lock lock;
    try {
        lock = co_await entry.mutex->lock();
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        co_await asyncdrop::even_if_cancelled;
        co_await leave(inode);
        std::rethrow_exception(error);
    }
    co_return asyncdrop::make_guard<Turn>(*this, inode, std::move(lock));
}

asio::awaitable<void> ContentLocks::leave(InodeNumber inode) {
    const auto found = entries_.find(inode);
    if (--found->second.users != 0) co_return;
    AsyncDropGuard<Mutex> mutex = std::move(found->second.mutex);
    entries_.erase(found);
    co_await asyncdrop::even_if_cancelled;
    co_await mutex.async_drop();
}

}  // namespace demofs::fs
