#pragma once
// A file that exists as long as this program uses another one; only one program at a time can make it.
//
// The cleanup removes it.
//
// Threads: one.

#include <asyncdrop/box.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>

namespace shared_creation {

namespace asio = boost::asio;

class LockFile {
  public:
    /// Makes the file. Errors: std::system_error, also if it exists.
    static asio::awaitable<asyncdrop::AsyncDropBox<LockFile>> acquire(asio::any_io_executor disk,
                                                                      std::string file);

    LockFile(asyncdrop::Passkey<LockFile>, asio::any_io_executor disk, std::string file);
    LockFile(LockFile&&) noexcept = default;

    asio::awaitable<void> async_drop_impl();

  private:
    static asio::awaitable<void> make(std::string file);
    static asio::awaitable<void> remove(std::string file);

    asio::any_io_executor disk_;
    std::string file_;
};

}  // namespace shared_creation
