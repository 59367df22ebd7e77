// Notices what somebody else does to a vault's folder under the store that writes it.
//
// Deletes it, or files of it: POSIX lets that happen without a word; an open file can be written and synced
// although it has no name any more, and will be gone when it is closed. Adds files to it: the lock keeps other
// processes of this machine from that, but not a service that brings what another machine has written.
//
// Every file that must be there is known, and every one that was seen. The folder's modification time tells
// whether names have changed at all; only then they are compared, mostly after a file of our own was made. A
// time that is younger than the clock's grain proves nothing.
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
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "demofs/base/worker_pool.hpp"

namespace demofs::store {

/// Called on the store's strand with names of objects that somebody else has made, each once.
using OnStrangers = std::function<void(std::vector<std::string> names)>;

class FolderWatch {
  public:
    /// Looks at the filesystem in which the open folder `folder` lies, to know how to check; without it, checks
    /// are right, but slow. Does not block long: once, when the folder is opened.
    void begin(int folder) noexcept;
    /// Without it, nobody is told of strangers.
    void set_on_strangers(OnStrangers told) { on_strangers_ = std::move(told); }
    /// A file of this name is being made.
    void making(const std::string& name) { known_.insert(name); }
    /// There is a file of this name from now on.
    void expect(const std::string& name) {
        known_.insert(name);
        expected_.insert(name);
        ++made_;
    }
    /// The file of this name is being removed.
    void forget(const std::string& name) { expected_.erase(name); }

    /// Throws Error (EIO) naming what was deleted: the folder, whose descriptor is `folder`, a file in it, or
    /// the name of the open file `file` (-1: none). `path` is the folder's, for the message. Tells of strangers.
    boost::asio::awaitable<void> check(WorkerPool& pool, int folder, int file, std::string path);

  private:
    void look_for_strangers(const std::unordered_set<std::string>& names);

    std::unordered_set<std::string> expected_;
    std::unordered_set<std::string> known_;  // those, and all that were there once
    OnStrangers on_strangers_;
    std::uint64_t made_ = 0;
    bool local_ = false;
    std::optional<std::chrono::nanoseconds> unchanged_since_;  // since 1970; nothing: not known
};

}  // namespace demofs::store
