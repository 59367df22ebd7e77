#pragma once
// The words of a text file, and where each is found first: expensive to make, cheap to ask.
//
// While an index lives, FILE.lock exists; the cleanup removes it.
//
// Threads: find() from any thread.

#include <asyncdrop/box.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <string>
#include <unordered_map>

#include "lock_file.hpp"

namespace shared_creation {

class Index {
  public:
    using Words = std::unordered_map<std::string, std::size_t>;

    /// Locks and reads the file. Errors: std::system_error, std::runtime_error; then no lock is left behind.
    static asio::awaitable<asyncdrop::AsyncDropBox<Index>> load(asio::any_io_executor disk, std::string file);

    Index(asyncdrop::Passkey<Index>, asyncdrop::AsyncDropBox<LockFile>&& lock, Words words);
    Index(Index&&) = delete;

    /// The first line with this word, from 1 on; 0 if there is none.
    std::size_t find(const std::string& word) const;

    asio::awaitable<void> async_drop_impl() { return lock_.async_drop(); }

  private:
    static asio::awaitable<Words> read(std::string file);

    asyncdrop::AsyncDropBox<LockFile> lock_;
    Words words_;
};

}  // namespace shared_creation
