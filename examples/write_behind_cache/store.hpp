#pragma once
// A file of counters: lines of key and value, the last line of a key counts.
//
// Reading and writing block, so they happen on the disk's thread, never on the program's.
//
// Invariant: what lies behind `size_` in the file is nothing, or the rest of a write that failed; the next
// write goes over it, and the cleanup cuts it off.
//
// Threads: one call at a time; see the AsyncDropMutex in main.cpp.

#include <asyncdrop/box.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <string>

namespace write_behind_cache {

namespace asio = boost::asio;
using Counters = std::map<std::string, std::uint64_t>;

/// What the store did, for whoever wants to know after its end.
struct Statistics {
    std::uint64_t writes = 0;
    std::uint64_t values = 0;
};

class Store {
  public:
    /// Opens or makes the file. `disk` runs what blocks. Errors: std::system_error.
    static asio::awaitable<asyncdrop::AsyncDropBox<Store>> open(asio::any_io_executor disk, std::string file,
                                                                Statistics& statistics);

    Store(asyncdrop::Passkey<Store>, asio::any_io_executor disk, int descriptor, Statistics& statistics);
    Store(const Store&) = delete;
    ~Store();

    /// All counters. Errors: std::system_error; std::runtime_error if the file is no store.
    asio::awaitable<Counters> load();

    /// Writes these counters; on failure (std::system_error) the store holds what it held before.
    asio::awaitable<void> write(Counters changed);

    /// Returns when everything that was written is on the disk.
    asio::awaitable<void> async_drop_impl();

  private:
    static asio::awaitable<int> open_file(std::string file);
    static asio::awaitable<std::string> read_file(int descriptor);
    static asio::awaitable<void> write_file(int descriptor, std::string bytes, std::int64_t offset);
    static asio::awaitable<void> finish_file(int descriptor, bool torn, std::int64_t size);

    asio::any_io_executor disk_;
    int descriptor_;
    std::int64_t size_ = 0;
    bool torn_ = false;  // the last write failed
    Statistics& statistics_;
};

}  // namespace write_behind_cache
