// Every piece whose functions are compiled once: a graph tears down a scope, a gate, a task and a shared map.
#include <asyncdrop/asyncdrop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "second.hpp"

namespace asio = boost::asio;

class Visitor {
  public:
    explicit Visitor(asyncdrop::Passkey<Visitor>) {}
    Visitor(Visitor&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() {
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    }
};

asio::awaitable<void> work() {
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

asio::awaitable<void> visit() {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto graph = asyncdrop::TeardownGraph::create();
    auto scope = asyncdrop::AsyncDropScope::create(executor);
    scope->spawn("work", work());
    auto until_stopped = [](asyncdrop::TaskControl& control) -> asio::awaitable<void> {
        while (!control.stopping()) co_await control.wait();
    };
    auto task = asyncdrop::AsyncDropTask::start(executor, "waiter", until_stopped);
    auto make = [](const int&) { return asyncdrop::make_guard<Visitor>(); };
    auto map = asyncdrop::AsyncDropSharedMap<int, Visitor>::create(make);
    auto use = co_await map->get(1);
    co_await use.async_drop();
    auto mutex = asyncdrop::AsyncDropMutex<Visitor>::create(asyncdrop::make_guard<Visitor>());
    graph->add("scope", std::move(scope));
    graph->add("task", std::move(task));
    graph->add("map", std::move(map));
    graph->add("mutex", std::move(mutex));
    graph->add("gate", asyncdrop::AsyncDropGate::create());
    const asyncdrop::TeardownReport report = co_await graph->run();
    co_await graph.async_drop();
    std::printf("%zu dropped\n", report.count(asyncdrop::NodeState::dropped));
}

int main() {
    asio::io_context context(1);
    asyncdrop::install(context);
    asyncdrop::set_guard_registry(true);
    asio::co_spawn(context, visit(), [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
    });
    context.run();
    std::printf("%sgoodbye from asyncdrop %s\n%s", asyncdrop::live_guards_text().c_str(),
                asyncdrop::version_string, report_as_json().c_str());
}
