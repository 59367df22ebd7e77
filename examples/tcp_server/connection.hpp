#pragma once
// One client of the key-value server. It sends requests, one after the other or several at once:
//
//     PUT <key> <length>\n<length bytes>    answer: OK\n, or FULL\n
//     GET <key>\n                           answer: VALUE <length>\n<length bytes>, or NONE\n
//
// Anything else is answered with ERROR and a reason, and the connection is closed.
//
// The cleanup drains: requests of which a byte has arrived are answered, then the connection is closed. If
// the cleanup is cancelled before that is done (its deadline is over), the connection is cut off and the
// cleanup fails.
//
// Threads: one. serve() runs at most once; the cleanup waits for its end, so serve() never outlives it.

#include <asyncdrop/box.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <string>

#include "table.hpp"

namespace tcp_server {

using boost::asio::ip::tcp;

class Connection {
  public:
    Connection(asyncdrop::Passkey<Connection>, tcp::socket socket, Table& table);
    Connection(Connection&&) = delete;  // serve() knows its address: it lives in an AsyncDropBox

    /// Answers requests until the client closes, sends nonsense, or the cleanup has begun.
    asio::awaitable<void> serve();

    const std::string& peer() const noexcept { return peer_; }

    asio::awaitable<void> async_drop_impl();

  private:
    asio::awaitable<bool> next_request();
    asio::awaitable<bool> answer();
    asio::awaitable<std::string> read_line();
    asio::awaitable<std::string> read_bytes(std::size_t count);
    asio::awaitable<void> receive();

    tcp::socket socket_;
    Table& table_;
    std::string peer_;
    std::string received_;  // and not yet understood
    bool serving_ = false;
    bool idle_ = false;          // serve() waits for the first byte of a request
    bool closing_ = false;       // the cleanup has begun
    asio::steady_timer served_;  // never expires: cancelled when serve() ends
};

}  // namespace tcp_server
