// The examples of docs/asyncdrop/guide.md and of its pages for people who come from elsewhere.
#include <boost/asio/detached.hpp>

#include "examples/guide/example.hpp"

namespace guide {

// ---------------------------------------------------------------- why RAII is not enough

// [snippet: naive]
asio::awaitable<void> say_goodbye(std::string name) {
    co_await round_trip();
    note("close " + name);
}

class NaiveConnection {
  public:
    NaiveConnection(asio::any_io_executor executor, std::string name)
        : executor_(std::move(executor)), name_(std::move(name)) {
        note("open " + name_);
    }
    ~NaiveConnection() {  // cannot co_await; starts the goodbye and hopes
        asio::co_spawn(executor_, say_goodbye(name_), asio::detached);
    }

  private:
    asio::any_io_executor executor_;
    std::string name_;
};

asio::awaitable<void> reconnect() {
    const auto executor = co_await asio::this_coro::executor;
    {
        NaiveConnection first(executor, "db");
    }
    NaiveConnection second(executor, "db");
}
// [end]

// ---------------------------------------------------------------- quick reference

// [snippet: quick_reference]
asio::awaitable<void> quick_reference() {
    // Make: in place, through the passkey constructor ...
    auto made = asyncdrop::make_guard<Connection>("a");
    // ... or by a factory that returns a guard.
    auto opened = co_await Connection::open("b");

    // Use: like a pointer.
    co_await opened->query("hello");

    // Clean up: required, before the guard dies.
    co_await made.async_drop();
    co_await opened.async_drop();

    // Better: never write the drop yourself.
    auto open = [] { return Connection::open("c"); };
    auto use = [](Connection& connection) { return connection.query("hello"); };
    std::string answer = co_await asyncdrop::with_async_drop(open, use);
}
// [end]

// ---------------------------------------------------------------- coming from plain Asio

class PlainConnection {
  public:
    asio::awaitable<void> open() {
        co_await round_trip();
        note("open plain");
    }
    asio::awaitable<std::string> query() {
        co_await round_trip();
        co_return "answer";
    }
    asio::awaitable<void> close() {
        co_await round_trip();
        note("close plain");
    }
};

// [snippet: plain_asio]
asio::awaitable<std::string> plain_asio() {
    PlainConnection connection;
    co_await connection.open();
    std::string answer;
    std::exception_ptr failure;
    try {
        answer = co_await connection.query();
    } catch (...) {
        failure = std::current_exception();
    }
    co_await connection.close();  // refused if cancelled; if it throws, `failure` is lost
    if (failure) std::rethrow_exception(failure);
    co_return answer;
}
// [end]

// [snippet: with_the_library]
asio::awaitable<std::string> with_the_library() {
    auto open = [] { return Connection::open("db"); };
    auto use = [](Connection& connection) { return connection.query("hello"); };
    std::string answer = co_await asyncdrop::with_async_drop(open, use);
    co_return answer;
}
// [end]

asio::awaitable<void> both_ways() {
    const std::string plain = co_await plain_asio();
    const std::string guarded = co_await with_the_library();
    expect(plain == "answer" && guarded == "answer to hello");
}

void run_all() {
    run(reconnect());
    expect_events({"open db", "open db", "close db", "close db"});  // too late: the first is still open
    run(quick_reference());
    expect_events({"open b", "close a", "close b", "open c", "close c"});
    run(both_ways());
    expect_events({"open plain", "close plain", "open db", "close db"});
}

}  // namespace guide

int main() {
    guide::run_all();
}
