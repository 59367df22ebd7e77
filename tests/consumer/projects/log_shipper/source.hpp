// Source: a log file that is read line by line. Closing it can fail, and says so with an error code.
#pragma once

#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

namespace log_shipper {

namespace asio = boost::asio;
using boost::system::error_code;

class Source {
  public:
    using Opened = boost::system::result<asyncdrop::AsyncDropGuard<Source>, error_code>;

    Source(asyncdrop::Passkey<Source>, std::filesystem::path path, std::unique_ptr<std::ifstream> file);

    /// Opens a file; no_such_file_or_directory if it cannot be read. Reports name the caller.
    static asio::awaitable<Opened> open(std::filesystem::path path,
                                        asyncdrop::CreationSite site = asyncdrop::CreationSite::here());

    std::optional<std::string> next_line();
    std::size_t lines_read() const noexcept { return lines_read_; }
    std::string name() const { return path_.filename().string(); }

    /// Fails with io_error if reading failed before.
    asio::awaitable<boost::system::result<void, error_code>> async_drop_impl();

  private:
    std::filesystem::path path_;
    std::unique_ptr<std::ifstream> file_;  // a guard wants what moves without exceptions
    std::size_t lines_read_ = 0;
};

static_assert(std::is_same_v<asyncdrop::async_drop_error_t<Source>, error_code>);

}  // namespace log_shipper
