#pragma once
// A connection to a backend that answers every line with one line, and QUIT with BYE.
//
// The cleanup says goodbye: the backend has then finished what it was asked for. A broken connection, one on
// which something has failed before, is only closed.
//
// Threads: one. One question at a time.

#include <asyncdrop/box.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>

namespace connection_pool {

namespace asio = boost::asio;
using boost::asio::ip::tcp;

class Connection {
  public:
    /// Connects. Errors: boost::system::system_error.
    static asio::awaitable<asyncdrop::AsyncDropBox<Connection>> open(tcp::endpoint backend,
                                                                     std::chrono::milliseconds timeout);

    Connection(asyncdrop::Passkey<Connection>, tcp::socket socket, std::chrono::milliseconds timeout);

    /// The answer to `question`, a line without its end. Errors: the connection fails, or there is no answer
    /// in time; then, or when cancelled, the connection is broken.
    asio::awaitable<std::string> ask(std::string question);

    bool broken() const noexcept { return broken_; }

    /// Fails if the backend does not answer the goodbye.
    asio::awaitable<void> async_drop_impl();

  private:
    asio::awaitable<std::string> receive_line();

    tcp::socket socket_;
    const std::chrono::milliseconds timeout_;
    std::string received_;
    bool broken_ = false;
};

}  // namespace connection_pool
