// Coroutines that outlive what they refer to, and some that do not.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "resources.hpp"

// A finding and the comment that expects it stand in one line.
// clang-format off

namespace corpus {

asio::awaitable<void> say(std::string_view text) {
    co_await wait();
    static_cast<void>(text);
}
asio::awaitable<void> say_string(const std::string& text) {
    co_await wait();
    static_cast<void>(text);
}
asio::awaitable<void> sum(std::span<const int> numbers) {
    co_await wait();
    static_cast<void>(numbers);
}
asio::awaitable<void> say_copy(std::string text) {
    co_await wait();
    static_cast<void>(text);
}
asio::awaitable<void> use_file(File& file) {
    co_await file.read();
}
asio::awaitable<void> elsewhere(const std::string& text);  // a coroutine, for all that can be known
asio::awaitable<void> forwards(const std::string& text) {
    return say_copy(text);
}  // none
std::string greeting();

struct Server {
    asio::awaitable<void> serve() { co_await wait(); }
    int requests = 0;
};

// [snippet: spawned]
void greet(asio::any_io_executor executor, const std::string& name) {
    asio::co_spawn(executor, say("hello " + name), asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
}
// [end]

asio::awaitable<void> spawned_with_a_temporary(asio::any_io_executor executor) {
    asio::co_spawn(executor, say_string(greeting()), asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
    asio::co_spawn(executor, elsewhere("hello"), asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
    asio::co_spawn(executor, sum(std::vector<int>{1, 2}), asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
    co_return;
}

asio::awaitable<void> spawned_with_a_local(asio::any_io_executor executor) {
    const std::string name = greeting();
    asio::co_spawn(executor, say(name), asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
    auto talking = say_string(name);  // expect: asyncdrop-dangling-coroutine-parameter
    asio::co_spawn(executor, std::move(talking), asio::detached);
    std::vector<int> numbers{1, 2};
    asio::co_spawn(executor, sum(numbers), [](std::exception_ptr) {});  // expect: asyncdrop-dangling-coroutine-parameter
    co_return;
}

// [snippet: kept]
asio::awaitable<void> kept_for_the_next_line() {
    auto greeted = say(greeting());  // expect: asyncdrop-dangling-coroutine-parameter
    co_await std::move(greeted);
}
// [end]

asio::awaitable<void> returned_with_a_local() {
    const std::string name = greeting();
    return say(name);  // expect: asyncdrop-dangling-coroutine-parameter
}

asio::awaitable<void> returned_with_a_parameter(std::string name) {
    return say(name);  // expect: asyncdrop-dangling-coroutine-parameter
}

// [snippet: lambda]
void spawn_a_lambda(asio::any_io_executor executor, std::string name) {
    auto talk = [name]() -> asio::awaitable<void> { co_await say(name); };
    asio::co_spawn(executor, talk(), asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
}
// [end]

void spawn_a_temporary_lambda(asio::any_io_executor executor, std::string name) {
    asio::co_spawn(executor, [name]() -> asio::awaitable<void> { co_await say(name); }(), asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
}

asio::awaitable<void> lambda_kept(std::string name) {
    auto talking = [name]() -> asio::awaitable<void> { co_await say(name); }();  // expect: asyncdrop-dangling-coroutine-parameter
    co_await std::move(talking);
}

void capture_by_reference(asio::any_io_executor executor) {
    int count = 0;
    asio::co_spawn(executor, [&count]() -> asio::awaitable<void> { co_return void(++count); }, asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
}

void object_on_the_stack(asio::any_io_executor executor) {
    Server server;
    asio::co_spawn(executor, server.serve(), asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
}

void guard_on_the_stack(asio::any_io_executor executor) {
    auto file = make_file();
    asio::co_spawn(executor, finish(file), asio::detached);  // expect: asyncdrop-dangling-coroutine-parameter
}

asio::awaitable<void> right(asio::any_io_executor executor, std::string& owned_elsewhere, Server& server) {
    const std::string name = greeting();
    co_await say(name);
    co_await say(greeting());
    co_await say_string("hello " + name);
    auto talking = say(name);
    co_await std::move(talking);
    auto copied = say_copy(greeting());
    co_await std::move(copied);
    auto forwarded = forwards(greeting());
    co_await std::move(forwarded);
    asio::co_spawn(executor, say("a literal"), asio::detached);
    asio::co_spawn(executor, say_copy(name), asio::detached);
    asio::co_spawn(executor, say_string(owned_elsewhere), asio::detached);
    asio::co_spawn(executor, server.serve(), asio::detached);
    co_await asio::co_spawn(executor, say(name), asio::use_awaitable);
    co_await asio::co_spawn(executor, say(greeting()), asio::use_awaitable);
    asio::co_spawn(executor, [name]() -> asio::awaitable<void> { co_await say(name); }, asio::detached);
    auto plain = []() -> asio::awaitable<void> { co_await wait(); };
    asio::co_spawn(executor, plain(), asio::detached);
    static const std::string lasting = "lasting";
    asio::co_spawn(executor, say(lasting), asio::detached);
    asio::co_spawn(executor, say("a " + name), asio::detached);  // NOLINT(asyncdrop-dangling-coroutine-parameter)
}

void runs_it_itself() {
    asio::io_context context;
    const std::string name = greeting();
    Server server;
    int count = 0;
    asio::co_spawn(context, say(name), asio::detached);
    asio::co_spawn(context, server.serve(), [&count](std::exception_ptr) { ++count; });
    asio::co_spawn(context, [&count]() -> asio::awaitable<void> { co_return void(++count); }, asio::detached);
    context.run();
}

void waits_for_it(asio::any_io_executor executor) {
    const std::string name = greeting();
    auto done = asio::co_spawn(executor, say(name), asio::use_future);
    done.get();
}

}  // namespace corpus
