#include <asyncdrop/asyncdrop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iostream>

namespace asio = boost::asio;

class Connection {
  public:
    explicit Connection(asyncdrop::Passkey<Connection>) {}  // only a guard can make one
    Connection(Connection&&) noexcept = default;
    void say(const char* text) { std::cout << text << '\n'; }

    asio::awaitable<void> async_drop_impl() {  // the destructor that can wait
        asio::steady_timer answer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
        co_await answer.async_wait(asio::use_awaitable);
        std::cout << "goodbye\n";
    }
};

asio::awaitable<void> session() {
    auto connect = [] { return asyncdrop::make_guard<Connection>(); };
    auto talk = [](Connection& connection) { connection.say("hello"); };
    co_await asyncdrop::with_async_drop(connect, talk);  // says goodbye, even if talk throws or is cancelled
}

int main() {
    asio::io_context context(1);
    asyncdrop::install(context);
    asio::co_spawn(context, session(), asio::detached);
    context.run();
}
