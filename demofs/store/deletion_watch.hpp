// Notices that somebody else deletes a vault, or files of it, under the store that writes it. POSIX lets that
// happen without a word: an open file can be written and synced although it has no name any more, and will be
// gone when it is closed.
//
// Every file that must be there is known. The folder's modification time tells whether names have changed at
// all; only then they are compared, mostly after a file of our own was made. A time that is younger than the
// clock's grain proves nothing.
//
// A check goes with every synced write, so it must cost nothing that can be had for less: a local filesystem
// keeps the inode of an open file in memory and tells of it without waiting, so there the strand itself asks.
// Elsewhere, a server may have to answer: a worker asks.
//
// Threads: the store's strand; what may block runs on a worker.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "demofs/base/worker_pool.hpp"

namespace demofs::store {

class DeletionWatch {
  public:
    /// Looks at the filesystem in which the open folder `folder` lies, to know how to check; without it, checks
    /// are right, but slow. Does not block long: once, when the folder is opened.
    void begin(int folder) noexcept;
    /// There is a file of this name from now on.
    void expect(std::string name) {
        expected_.insert(std::move(name));
        ++made_;
    }
    /// The file of this name is being removed.
    void forget(const std::string& name) { expected_.erase(name); }

    /// Throws Error (EIO) naming what was deleted: the folder, whose descriptor is `folder`, a file in it, or
    /// the name of the open file `file` (-1: none). `path` is the folder's, for the message.
    boost::asio::awaitable<void> check(WorkerPool& pool, int folder, int file, std::string path);

  private:
    std::unordered_set<std::string> expected_;
    std::uint64_t made_ = 0;
    bool local_ = false;
    std::optional<std::chrono::nanoseconds> unchanged_since_;  // since 1970; nothing: not known
};

}  // namespace demofs::store
