#include "connection.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>
#include <utility>

namespace connection_pool {

namespace {

constexpr std::size_t max_line_bytes = 4096;

}  // namespace

asio::awaitable<asyncdrop::AsyncDropBox<Connection>> Connection::open(tcp::endpoint backend,
                                                                      std::chrono::milliseconds timeout) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    tcp::socket socket(executor);
    co_await socket.async_connect(backend, asio::use_awaitable);
    co_return asyncdrop::make_box<Connection>(std::move(socket), timeout);
}

Connection::Connection(asyncdrop::Passkey<Connection>, tcp::socket socket, std::chrono::milliseconds timeout)
    : socket_(std::move(socket)), timeout_(timeout) {}

asio::awaitable<std::string> Connection::ask(std::string question) {
    broken_ = true;  // until the answer is there: this coroutine may fail or be cancelled at each await
    question += '\n';
    co_await asio::async_write(socket_, asio::buffer(question), asio::use_awaitable);
    std::string answer = co_await receive_line();
    broken_ = false;
    co_return answer;
}

asio::awaitable<std::string> Connection::receive_line() {
    using namespace asio::experimental::awaitable_operators;
    boost::system::error_code error;
    asio::steady_timer limit(socket_.get_executor(), timeout_);
    asio::awaitable<std::size_t> reading =
        asio::async_read_until(socket_, asio::dynamic_buffer(received_, max_line_bytes), '\n',
                               asio::redirect_error(asio::use_awaitable, error));
    asio::awaitable<void> waiting = limit.async_wait(asio::use_awaitable);
    // Safe because neither side makes a guard: || throws the result of the one that comes second away.
    const auto first = co_await (std::move(reading) || std::move(waiting));
    if (first.index() == 1) throw std::runtime_error("the backend did not answer in time");
    if (error) throw std::runtime_error("the backend did not answer: " + error.message());
    const std::size_t size = std::get<0>(first);
    std::string line = received_.substr(0, size - 1);
    received_.erase(0, size);
    co_return line;
}

asio::awaitable<void> Connection::async_drop_impl() {
    if (broken_) co_return;  // the socket's destructor closes it
    const std::string quit = "QUIT";
    const std::string answer = co_await ask(quit);
    if (answer != "BYE") throw std::runtime_error("the backend answered QUIT with \"" + answer + "\"");
}

}  // namespace connection_pool
