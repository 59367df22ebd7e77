// Reads on ahead of whoever reads a file from front to back, into the block cache.
//
// The kernel's own readahead asks for 128 KiB at a time with few requests in flight; a request that finds its
// blocks decrypted is answered inline, without a hop to a worker. One fetch of a megabyte costs one read of
// the store and one worker job.
//
// Threads: the core. What a fetch cannot read is not reported: the read that needs it will.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <asyncdrop/scope.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "demofs/base/types.hpp"

namespace demofs::fs {

class Readahead {
  public:
    /// Brings the bytes [offset, offset + size) of a file into memory; must not throw.
    using Fetch =
        std::function<boost::asio::awaitable<void>(InodeNumber, std::uint64_t offset, std::size_t size)>;

    /// Keeps up to `window_bytes` ahead of each reader; 0 switches it off.
    [[nodiscard]] static asyncdrop::AsyncDropBox<Readahead> make(boost::asio::any_io_executor executor,
                                                                 std::size_t window_bytes, Fetch fetch);

    Readahead(asyncdrop::Passkey<Readahead>, boost::asio::any_io_executor executor, std::size_t window_bytes,
              Fetch fetch);
    Readahead(const Readahead&) = delete;
    Readahead& operator=(const Readahead&) = delete;

    /// Somebody reads these bytes now. Starts a fetch if the file is being read in order and too little is
    /// ahead.
    void note(InodeNumber inode, std::uint64_t offset, std::size_t size);

    /// Files whose readers are remembered.
    std::size_t streams() const { return streams_.size(); }

    /// Starts no more fetches and awaits those that run.
    boost::asio::awaitable<void> async_drop_impl() { return fetches_.async_drop(); }

  private:
    struct Stream {
        std::uint64_t end = 0;      // behind what was read
        std::uint64_t fetched = 0;  // behind what was fetched or is being fetched
        unsigned in_order = 0;      // reads so far
    };

    std::size_t window_bytes_;
    Fetch fetch_;
    std::unordered_map<InodeNumber, Stream> streams_;
    asyncdrop::AsyncDropGuard<asyncdrop::AsyncDropScope> fetches_;
};

}  // namespace demofs::fs
