// DeadLetters: a file for lines that cannot be shipped, made when the first one comes.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/lazy.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <fstream>
#include <string>

namespace log_shipper {

namespace asio = boost::asio;

class DeadLetters {
  public:
    DeadLetters(asyncdrop::Passkey<DeadLetters>, const std::filesystem::path& path);

    void add(const std::string& line) { file_ << line << '\n'; }
    asio::awaitable<void> async_drop_impl();

  private:
    std::ofstream file_;
};

/// In a box, because a std::ofstream does not promise to move without exceptions, as guards want it.
using LazyDeadLetters = asyncdrop::Lazy<DeadLetters, asyncdrop::AsyncDropBox<DeadLetters>>;

/// If no line is ever added, no file is made.
asyncdrop::AsyncDropGuard<LazyDeadLetters> dead_letters_in(std::filesystem::path path);

}  // namespace log_shipper
