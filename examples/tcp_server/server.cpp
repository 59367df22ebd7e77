#include "server.hpp"

#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iostream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace tcp_server {

namespace {

constexpr std::size_t max_connections = 1000;

}  // namespace

asyncdrop::AsyncDropBox<Server> Server::open(const asio::any_io_executor& executor, const Options& options) {
    const tcp::endpoint here(asio::ip::address_v4::loopback(), options.port);
    tcp::acceptor acceptor(executor, here);
    asyncdrop::AsyncDropBox<Table> table = Table::open(options.file);
    return asyncdrop::make_box<Server>(std::move(acceptor), options.drain_deadline, std::move(table));
}

Server::Server(asyncdrop::Passkey<Server>, tcp::acceptor acceptor, std::chrono::milliseconds drain_deadline,
               asyncdrop::AsyncDropBox<Table>&& table)
    : acceptor_(std::move(acceptor)),
      drain_deadline_(drain_deadline),
      table_(std::move(table)),
      connections_(Connections::create()) {}

asio::awaitable<void> Server::accept() {
    asio::steady_timer pause(acceptor_.get_executor());
    while (acceptor_.is_open()) {
        boost::system::error_code error;
        tcp::socket socket =
            co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
        if (!acceptor_.is_open()) break;
        if (error) {  // out of file descriptors, for example: do not spin
            std::cerr << "accept: " << error.message() << std::endl;
            pause.expires_after(std::chrono::milliseconds(100));
            co_await pause.async_wait(asio::use_awaitable);
        } else if (connections_->size() < max_connections) {
            asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
        }
    }
}

void Server::stop_accepting() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
}

// One client from its beginning to its end.
asio::awaitable<void> Server::serve(tcp::socket socket) {
    if (!acceptor_.is_open()) co_return;  // told to stop since it was accepted
    const std::uint64_t number = ++last_number_;
    auto accepted = asyncdrop::make_box<Connection>(std::move(socket), *table_);
    Connection& connection = *accepted;
    auto rejected = connections_->try_insert(number, std::move(accepted));
    co_await rejected.async_drop();  // empty, because the key is new
    co_await connection.serve();
    auto served = connections_->remove(number);  // empty: the server's cleanup has taken it
    if (served) co_await served.async_drop();
}

asio::awaitable<void> Server::async_drop_impl() {
    stop_accepting();
    std::cout << "draining " << connections_->size() << " connections" << std::endl;
    asyncdrop::TeardownSettings settings;
    settings.max_concurrent = connections_->size() + 1;  // a connection's deadline begins with its cleanup
    const auto make_graph = [&settings] { return asyncdrop::TeardownGraph::create(settings); };
    const auto drain_all = [this](Table&, Connections&, asyncdrop::TeardownGraph& graph) {
        return drain(graph);
    };
    // What drain() moves into the graph is dropped by the graph. Should it fail half-way, the rest is dropped
    // as well: that is why the members are part of the bracket.
    co_await asyncdrop::with_async_drop(table_, connections_, make_graph, drain_all);
}

asio::awaitable<void> Server::drain(asyncdrop::TeardownGraph& graph) {
    std::vector<std::uint64_t> numbers;
    for (const auto [number, connection] : *connections_) numbers.push_back(number);

    const auto table = graph.add("table", std::move(table_));
    for (const std::uint64_t number : numbers) {
        auto connection = connections_->remove(number);
        const std::string name = "connection " + std::to_string(number) + " from " + connection->peer();
        graph.add(name, std::move(connection), asyncdrop::uses(table),
                  asyncdrop::cancel_after(drain_deadline_));
    }
    const asyncdrop::TeardownReport report = co_await graph.run();
    std::cout << report.to_text() << std::flush;
    if (!report.ok()) throw std::runtime_error("the teardown was not clean, see its report");
}

}  // namespace tcp_server
