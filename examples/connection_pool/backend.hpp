#pragma once
// A backend to try the pool with: answers each line with the same line, and QUIT with BYE. Like a real one it
// is not perfect: it breaks the connection instead of answering every 25th line, takes 100 ms to say goodbye,
// and a rude one does not say it at all.
//
// The cleanup stops listening and waits until its clients have gone.
//
// Threads: one.

#include <asyncdrop/box.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>

namespace connection_pool {

namespace asio = boost::asio;
using boost::asio::ip::tcp;

class Backend {
  public:
    /// Listens on a free port of 127.0.0.1.
    Backend(asyncdrop::Passkey<Backend>, asio::any_io_executor executor, bool rude);
    Backend(Backend&&) = delete;

    tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
    void start();

    asio::awaitable<void> async_drop_impl();

  private:
    asio::awaitable<void> accept();
    asio::awaitable<void> serve(tcp::socket socket);
    asio::awaitable<void> answer(tcp::socket& socket);
    void one_ended();

    tcp::acceptor acceptor_;
    const bool rude_;
    std::size_t lines_ = 0;
    std::size_t running_ = 0;   // coroutines
    asio::steady_timer ended_;  // never expires; cancelled when the last one has ended
};

}  // namespace connection_pool
