#pragma once
// The server: accepts connections until it is told to stop; its cleanup drains them, then saves the table.
//
// Who depends on whom, and so what is cleaned up first: connection 1, connection 2, ... -> table.
//
// Threads: one.

#include <asyncdrop/box.hpp>
#include <asyncdrop/hash_map.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "connection.hpp"
#include "table.hpp"

namespace tcp_server {

struct Options {
    unsigned short port = 0;  ///< 0: any free one
    std::chrono::milliseconds drain_deadline{5000};
    std::string file;  ///< where the table is kept; empty: nowhere
};

class Server {
  public:
    /// Listens on 127.0.0.1. Errors: boost::system::system_error, std::runtime_error.
    static asyncdrop::AsyncDropBox<Server> open(const asio::any_io_executor& executor,
                                                const Options& options);

    Server(asyncdrop::Passkey<Server>, tcp::acceptor acceptor, std::chrono::milliseconds drain_deadline,
           asyncdrop::AsyncDropBox<Table>&& table);
    Server(Server&&) = delete;

    unsigned short port() const { return acceptor_.local_endpoint().port(); }

    /// Serves until stop_accepting().
    asio::awaitable<void> accept();
    void stop_accepting();

    /// Gives every connection until the deadline to finish what it is doing; prints a report. Fails if a
    /// connection had to be cut off or the table could not be saved.
    asio::awaitable<void> async_drop_impl();

  private:
    using Connections =
        asyncdrop::AsyncDropHashMap<std::uint64_t, Connection, asyncdrop::AsyncDropBox<Connection>>;

    asio::awaitable<void> serve(tcp::socket socket);
    asio::awaitable<void> drain(asyncdrop::TeardownGraph& graph);

    tcp::acceptor acceptor_;
    const std::chrono::milliseconds drain_deadline_;
    std::uint64_t last_number_ = 0;
    asyncdrop::AsyncDropBox<Table> table_;
    asyncdrop::AsyncDropGuard<Connections> connections_;
};

}  // namespace tcp_server
