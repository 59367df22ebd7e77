#pragma once
// The server's data: a table of values by key, in memory, saved to a file when the server ends.
//
// Threads: one.

#include <asyncdrop/box.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace tcp_server {

namespace asio = boost::asio;

inline constexpr std::size_t max_value_bytes = 16 << 20;
inline constexpr std::size_t max_keys = 100'000;

class Table {
  public:
    /// Loads `file` if it exists. An empty name: starts empty, saves nothing. Errors: std::runtime_error.
    static asyncdrop::AsyncDropBox<Table> open(const std::string& file);

    Table(asyncdrop::Passkey<Table>, std::string file, std::unordered_map<std::string, std::string> values)
        : file_(std::move(file)), values_(std::move(values)) {}
    Table(Table&&) noexcept = default;

    /// False, and nothing has changed, if the table is full.
    bool put(const std::string& key, std::string value);

    /// Null if there is no such key; valid until the next put.
    const std::string* get(const std::string& key) const;

    /// Saves: writes a new file, then puts it in the place of the old one.
    asio::awaitable<void> async_drop_impl();

  private:
    std::string file_;
    std::unordered_map<std::string, std::string> values_;
};

}  // namespace tcp_server
