// What every small consumer builds: a resource that says goodbye asynchronously.
#include <asyncdrop/guard.hpp>
#include <asyncdrop/version.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>

namespace asio = boost::asio;

class Visitor {
  public:
    explicit Visitor(asyncdrop::Passkey<Visitor>) {}
    Visitor(Visitor&&) noexcept = default;
    void greet() { std::puts("hello"); }
    asio::awaitable<void> async_drop_impl() {
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        std::printf("goodbye from asyncdrop %s\n", asyncdrop::version_string);
    }
};

asio::awaitable<void> visit() {
    auto enter = [] { return asyncdrop::make_guard<Visitor>(); };
    auto talk = [](Visitor& visitor) { visitor.greet(); };
    co_await asyncdrop::with_async_drop(enter, talk);
}

int main() {
    asio::io_context context(1);
    asio::co_spawn(context, visit(), asio::detached);
    context.run();
}
