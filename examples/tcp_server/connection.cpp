#include "connection.hpp"

#include <array>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace tcp_server {

namespace {

constexpr std::size_t max_line_bytes = 1024;

std::string name_of(const tcp::socket& socket) {
    boost::system::error_code error;  // the client may have gone already
    const tcp::endpoint peer = socket.remote_endpoint(error);
    return error ? "unknown" : peer.address().to_string() + ":" + std::to_string(peer.port());
}

}  // namespace

Connection::Connection(asyncdrop::Passkey<Connection>, tcp::socket socket, Table& table)
    : socket_(std::move(socket)),
      table_(table),
      peer_(name_of(socket_)),
      served_(socket_.get_executor(), asio::steady_timer::time_point::max()) {}

asio::awaitable<void> Connection::serve() {
    serving_ = true;
    try {
        bool going_on = true;
        while (going_on) {
            going_on = co_await next_request();
            if (going_on) going_on = co_await answer();
        }
    } catch (const boost::system::system_error& error) {
        std::cerr << peer_ << ": " << error.code().message() << std::endl;
    } catch (const std::exception& error) {
        std::cerr << peer_ << ": " << error.what() << std::endl;
    }
    serving_ = false;
    served_.cancel();
}

// Waits for the first byte of a request. False: there will be none.
asio::awaitable<bool> Connection::next_request() {
    while (received_.empty()) {
        if (closing_ && socket_.available() == 0) co_return false;
        boost::system::error_code error;
        idle_ = true;
        co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, error));
        idle_ = false;
        if (error && !closing_) throw boost::system::system_error(error);
        if (error) continue;                            // the cleanup has begun: look again
        if (socket_.available() == 0) co_return false;  // the client has closed
        co_await receive();
    }
    co_return true;
}

asio::awaitable<bool> Connection::answer() {
    const std::string line = co_await read_line();
    std::istringstream words(line);
    std::string verb, key, reply;
    std::size_t length = 0;
    bool understood = true;
    words >> verb >> key;
    if (verb == "PUT" && words >> length && length <= max_value_bytes) {
        std::string value = co_await read_bytes(length);
        reply = table_.put(key, std::move(value)) ? "OK\n" : "FULL\n";
    } else if (verb == "GET" && !key.empty()) {
        const std::string* const value = table_.get(key);
        reply = value ? "VALUE " + std::to_string(value->size()) + "\n" + *value : "NONE\n";
    } else {
        reply = "ERROR send PUT <key> <length>, or GET <key>\n";
        understood = false;
    }
    co_await asio::async_write(socket_, asio::buffer(reply), asio::use_awaitable);
    co_return understood;
}

asio::awaitable<std::string> Connection::read_line() {
    std::size_t end = received_.find('\n');
    while (end == std::string::npos) {
        if (received_.size() > max_line_bytes) throw std::runtime_error("a line is too long");
        co_await receive();
        end = received_.find('\n');
    }
    std::string line = received_.substr(0, end);
    received_.erase(0, end + 1);
    co_return line;
}

asio::awaitable<std::string> Connection::read_bytes(std::size_t count) {
    while (received_.size() < count) co_await receive();
    std::string bytes = received_.substr(0, count);
    received_.erase(0, count);
    co_return bytes;
}

asio::awaitable<void> Connection::receive() {
    std::array<char, 16384> chunk;
    const std::size_t size = co_await socket_.async_read_some(asio::buffer(chunk), asio::use_awaitable);
    received_.append(chunk.data(), size);
}

asio::awaitable<void> Connection::async_drop_impl() {
    co_await asyncdrop::even_if_cancelled;  // after the deadline there is still something to do
    closing_ = true;
    if (idle_) socket_.cancel();
    boost::system::error_code ignored;
    if (serving_) co_await served_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    const bool cut_off = serving_;  // the wait did not end because serve() did: the deadline is over
    if (cut_off) {
        socket_.close(ignored);  // makes what serve() awaits fail
        while (serving_) co_await served_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    if (cut_off) throw std::runtime_error("cut off in the middle of a request");
}

}  // namespace tcp_server
