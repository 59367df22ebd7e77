#include "backend.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>
#include <utility>

namespace connection_pool {

namespace {

constexpr std::size_t breaks_every = 25;
constexpr std::chrono::milliseconds goodbye_takes(100);

}  // namespace

Backend::Backend(asyncdrop::Passkey<Backend>, asio::any_io_executor executor, bool rude)
    : acceptor_(executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      rude_(rude),
      ended_(executor, asio::steady_timer::time_point::max()) {}

void Backend::start() {
    asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached);
    ++running_;
}

asio::awaitable<void> Backend::accept() {
    boost::system::error_code error;
    while (!error) {
        tcp::socket socket =
            co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
        ++running_;
    }
    one_ended();
}

asio::awaitable<void> Backend::serve(tcp::socket socket) {
    try {
        co_await answer(socket);
    } catch (const boost::system::system_error&) {  // the client has gone
    }
    one_ended();
}

asio::awaitable<void> Backend::answer(tcp::socket& socket) {
    std::string received;
    for (;;) {
        const std::size_t size = co_await asio::async_read_until(socket, asio::dynamic_buffer(received, 4096),
                                                                 '\n', asio::use_awaitable);
        std::string line = received.substr(0, size);
        received.erase(0, size);
        const bool quit = line == "QUIT\n";
        if (quit) {
            asio::steady_timer thinking(acceptor_.get_executor(), goodbye_takes);
            co_await thinking.async_wait(asio::use_awaitable);
            line = "BYE\n";
        }
        if (quit ? rude_ : ++lines_ % breaks_every == 0) co_return;  // closes the connection
        co_await asio::async_write(socket, asio::buffer(line), asio::use_awaitable);
        if (quit) co_return;
    }
}

void Backend::one_ended() {
    if (--running_ == 0) ended_.cancel();
}

asio::awaitable<void> Backend::async_drop_impl() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    while (running_ > 0) co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace connection_pool
