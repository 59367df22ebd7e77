// The patterns of docs/asyncdrop/patterns.md, compiled and run; each one's effect is checked.
#include <memory>
#include <optional>
#include <variant>

#include "examples/guide/example.hpp"

namespace guide {

// ---------------------------------------------------------------- 1: a type with asynchronous cleanup

asio::awaitable<void> pattern_1() {
    // [snippet: pattern_1_use]
    auto connection = co_await Connection::open("db");
    std::string answer = co_await connection->query("how many?");
    co_await connection.async_drop();
    // [end]
    expect(answer == "answer to how many?");
    expect_events({"open db", "close db"});
}

// ---------------------------------------------------------------- 2: a type that owns guards

// [snippet: pattern_2]
class Service {
  public:
    Service(Passkey<Service>, AsyncDropGuard<Connection> database, AsyncDropGuard<Connection> cache)
        : database_(std::move(database)), cache_(std::move(cache)) {}

    asio::awaitable<void> async_drop_impl() {
        co_await asyncdrop::drop_in_order(cache_, database_);  // both, also if the first one fails
    }

  private:
    AsyncDropGuard<Connection> database_;
    AsyncDropGuard<Connection> cache_;  // uses database_
};
// [end]

// [snippet: pattern_2_factory]
asio::awaitable<AsyncDropGuard<Service>> open_service(std::string_view database_name,
                                                      std::string_view cache_name) {
    asyncdrop::AsyncDropStack built;
    auto build = [=](asyncdrop::AsyncDropStack& stack) -> asio::awaitable<AsyncDropGuard<Service>> {
        auto opened = co_await Connection::open(database_name);
        auto& database = stack.own(std::move(opened));
        auto cache = co_await Connection::open(cache_name);  // fails? the stack drops the database
        co_return asyncdrop::make_guard<Service>(std::move(database), std::move(cache));
    };
    auto service = co_await asyncdrop::with_async_drop(built, build);
    co_return service;
}
// [end]

asio::awaitable<void> pattern_2() {
    auto service = co_await open_service("db", "cache");
    co_await service.async_drop();
    expect_events({"open db", "open cache", "close cache", "close db"});
}

asio::awaitable<void> pattern_2_rollback() {
    auto service = co_await open_service("db", "unreachable");
    co_await service.async_drop();
}

// ---------------------------------------------------------------- 3: the bracket

// [snippet: pattern_3]
asio::awaitable<std::string> ask(std::string_view question) {
    auto open = [] { return Connection::open("db"); };
    auto use = [question](Connection& connection) { return connection.query(question); };
    std::string answer = co_await asyncdrop::with_async_drop(open, use);
    co_return answer;  // the connection is closed already
}
// [end]

asio::awaitable<void> pattern_3() {
    const std::string answer = co_await ask("why?");
    expect(answer == "answer to why?");
    expect_events({"open db", "close db"});
}

asio::awaitable<void> pattern_3_failure() {
    std::string answer = co_await ask("nonsense");
    note(std::move(answer));
}

// [snippet: pattern_3_error_map]
class ShopError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

asio::awaitable<void> with_an_error_map() {
    auto open = [] { return Connection::open("flaky"); };
    auto use = [](Connection& connection) { note("use " + connection.name()); };  // a plain function will do
    auto map = asyncdrop::error_map([](std::exception_ptr) { return ShopError("closing the shop failed"); });
    co_await asyncdrop::with_async_drop(open, use, map);
}
// [end]

// [snippet: pattern_3_several]
asio::awaitable<void> with_several() {
    auto open_source = [] { return Connection::open("source"); };
    auto open_target = [](Connection& source) -> asio::awaitable<AsyncDropGuard<Connection>> {
        co_await source.query("address of the target");
        auto target = co_await Connection::open("target");
        co_return target;
    };
    auto copy = [](Connection& source, Connection& target) { note(source.name() + " to " + target.name()); };
    co_await asyncdrop::with_async_drop(open_source, open_target, copy);  // dropped in reverse
}
// [end]

// [snippet: pattern_3_existing]
asio::awaitable<void> with_an_existing_guard() {
    auto connection = co_await Connection::open("db");
    auto use = [](Connection& c) { return c.query("ready?"); };
    const std::string answer = co_await asyncdrop::with_async_drop(connection, use);
    expect(connection.is_dropped());
}
// [end]

// ---------------------------------------------------------------- 4: by hand

// [snippet: pattern_4]
asio::awaitable<std::string> complex_operation(AsyncDropGuard<Connection> connection) {
    if (connection->name() == "read-only") {  // early return: drop first
        co_await asyncdrop::even_if_cancelled;
        co_await connection.async_drop();
        throw std::runtime_error("the server is read-only");
    }

    std::string answer;
    std::exception_ptr failure;  // a catch block cannot await: remember, leave it, then act
    try {
        answer = co_await connection->query("update");
    } catch (...) {
        failure = std::current_exception();
    }

    co_await asyncdrop::even_if_cancelled;  // the query may have been cancelled
    co_await connection.async_drop();
    if (failure) std::rethrow_exception(failure);
    co_return answer;
}
// [end]

asio::awaitable<void> pattern_4(std::string_view name) {
    auto connection = co_await Connection::open(name);
    const std::string answer = co_await complex_operation(std::move(connection));
    expect(answer == "answer to update");
}

// ---------------------------------------------------------------- 5: a function that consumes its object

// [snippet: pattern_5]
class Wrapper {
  public:
    Wrapper(Passkey<Wrapper>, AsyncDropGuard<Connection> connection) : connection_(std::move(connection)) {}

    // Consumes the wrapper. Its own cleanup will not run any more, so this function cleans its members up.
    static asio::awaitable<std::string> finish(AsyncDropGuard<Wrapper>& guard) {
        Wrapper self = std::move(guard).unsafe_into_inner_dont_drop(asyncdrop::UnwrapKey<Wrapper>());
        auto ask = [](Connection& connection) { return connection.query("the last question"); };
        std::string answer = co_await asyncdrop::with_async_drop(self.connection_, ask);
        co_return answer;
    }

    asio::awaitable<void> async_drop_impl() { return connection_.async_drop(); }

  private:
    AsyncDropGuard<Connection> connection_;
};
// [end]

asio::awaitable<void> pattern_5() {
    auto connection = co_await Connection::open("db");
    auto wrapper = asyncdrop::make_guard<Wrapper>(std::move(connection));
    const std::string answer = co_await Wrapper::finish(wrapper);
    expect(answer == "answer to the last question");
    expect(!wrapper);  // empty: nothing left to drop
    expect_events({"open db", "close db"});

    auto other = co_await Connection::open("db");
    auto unused = asyncdrop::make_guard<Wrapper>(std::move(other));
    co_await unused.async_drop();
    expect_events({"open db", "close db"});
}

// ---------------------------------------------------------------- 6: several states

// [snippet: pattern_6]
class Upload {
    struct Draft {
        std::string text;
    };

  public:
    // Only these two make an Upload; the states are private.
    static AsyncDropGuard<Upload> draft(std::string text, CreationSite site = CreationSite::here()) {
        return asyncdrop::make_guard<Upload>(State(Draft{std::move(text)}), site);
    }
    static AsyncDropGuard<Upload> sending(AsyncDropGuard<Connection> to,
                                          CreationSite site = CreationSite::here()) {
        return asyncdrop::make_guard<Upload>(State(std::move(to)), site);
    }

    asio::awaitable<void> async_drop_impl() {
        if (auto* connection = std::get_if<AsyncDropGuard<Connection>>(&state_)) {
            co_await connection->async_drop();
        }
    }

  private:
    using State = std::variant<Draft, AsyncDropGuard<Connection>>;

  public:
    Upload(Passkey<Upload>, State state) : state_(std::move(state)) {}
    Upload(Upload&&) noexcept = default;

  private:
    State state_;
};
// [end]

// [snippet: pattern_6_lazy]
asio::awaitable<void> use_when_needed() {
    auto open = [] { return Connection::open("db"); };
    auto lazy = asyncdrop::Lazy<Connection>::uninitialized(open, asyncdrop::WhenUncreated::skip);
    expect(!lazy->is_initialized());

    Connection* connection = co_await lazy->get();  // opens it, this first time
    expect(connection->name() == "db");
    co_await lazy.async_drop();  // closes it; had nobody asked, it would do nothing
}
// [end]

asio::awaitable<void> pattern_6() {
    auto draft = Upload::draft("a text");
    co_await draft.async_drop();
    expect_events({});
    auto connection = co_await Connection::open("db");
    auto sending = Upload::sending(std::move(connection));
    co_await sending.async_drop();
    expect_events({"open db", "close db"});
    co_await use_when_needed();
    expect_events({"open db", "close db"});
}

// ---------------------------------------------------------------- 7: passing guards by value

// [snippet: pattern_7]
asio::awaitable<void> consume(AsyncDropGuard<Connection> connection) {  // the callee's duty now
    auto use = [](Connection& c) { return c.query("bye?"); };
    co_await asyncdrop::with_async_drop(connection, use);
}

asio::awaitable<void> caller() {
    auto connection = co_await Connection::open("db");
    co_await consume(std::move(connection));  // `connection` is empty: nothing to drop here
}
// [end]

// ---------------------------------------------------------------- 8: returning guards

// [snippet: pattern_8]
asio::awaitable<AsyncDropGuard<Connection>> open_configured(std::string_view setting) {
    asyncdrop::AsyncDropStack undo;
    auto configure = [=](asyncdrop::AsyncDropStack& stack) -> asio::awaitable<AsyncDropGuard<Connection>> {
        auto opened = co_await Connection::open("db");
        auto& connection = stack.own(std::move(opened));
        co_await connection->query(setting);  // fails? the stack drops the connection
        co_return std::move(connection);      // moved out: nothing left to undo, the caller's duty now
    };
    auto configured = co_await asyncdrop::with_async_drop(undo, configure);
    co_return configured;
}
// [end]

asio::awaitable<void> pattern_8() {
    auto connection = co_await open_configured("utf-8");
    expect_events({"open db"});
    co_await connection.async_drop();
    expect_events({"close db"});
}

asio::awaitable<void> pattern_8_failure() {
    auto connection = co_await open_configured("nonsense");
    co_await connection.async_drop();
}

// ---------------------------------------------------------------- 9: a collection

// [snippet: pattern_9]
asio::awaitable<void> many() {
    auto connections = asyncdrop::AsyncDropHashMap<std::string, Connection>::create();
    for (const char* name : {"db1", "db2", "db3"}) {
        auto connection = co_await Connection::open(name);
        auto rejected = connections->try_insert(name, std::move(connection));
        co_await rejected.async_drop();  // empty here; had the key been taken, it would be `connection`
    }
    co_await connections->get_mut("db2")->query("ready?");
    co_await connections.async_drop();  // all of them, concurrently
}
// [end]

// ---------------------------------------------------------------- 10: independent members

// [snippet: pattern_10]
class Pool {
  public:
    Pool(Passkey<Pool>, AsyncDropGuard<Connection> a, AsyncDropGuard<Connection> b)
        : a_(std::move(a)), b_(std::move(b)) {}

    asio::awaitable<void> async_drop_impl() { return asyncdrop::drop_concurrently(a_, b_); }

  private:
    AsyncDropGuard<Connection> a_;
    AsyncDropGuard<Connection> b_;
};
// [end]

asio::awaitable<void> pattern_10() {
    auto a = co_await Connection::open("flaky");
    auto b = co_await Connection::open("b");
    auto pool = asyncdrop::make_guard<Pool>(std::move(a), std::move(b));
    co_await pool.async_drop();
}

// ---------------------------------------------------------------- 11: shared ownership

// [snippet: pattern_11]
asio::awaitable<void> share() {
    auto connection = co_await Connection::open("db");
    asyncdrop::AsyncDropArc<Connection> first(std::move(connection));
    auto second = first.clone();

    co_await first.async_drop();  // returns at once: `second` still owns it
    co_await second->query("still open?");
    co_await second.async_drop();  // the last one: closes it
}
// [end]

// ---------------------------------------------------------------- 12: error types

// [snippet: pattern_12]
// A failure is an exception.
class Socket {
  public:
    asio::awaitable<void> async_drop_impl() {
        co_await round_trip();
        throw std::runtime_error("connection reset");
    }
};

// A failure is a value of a type of your own: nothing is thrown unless the caller asks for it.
enum class DiskError { full };

class Disk {
  public:
    asio::awaitable<boost::system::result<void, DiskError>> async_drop_impl() {
        co_await round_trip();
        co_return DiskError::full;
    }
};

// Cleanup that cannot fail, and does not wait.
class Buffer {
  public:
    explicit Buffer(std::string& text) : text_(&text) {}
    void async_drop_impl() noexcept { text_->clear(); }

  private:
    std::string* text_;
};

static_assert(std::is_same_v<asyncdrop::async_drop_error_t<Socket>, std::exception_ptr>);
static_assert(std::is_same_v<asyncdrop::async_drop_error_t<Disk>, DiskError>);
static_assert(std::is_same_v<asyncdrop::async_drop_error_t<Buffer>, asyncdrop::never>);
// [end]

// [snippet: pattern_12_foreign]
// A foreign type: tell the library how it is cleaned up.
struct LegacyFile {
    int descriptor;
};
// [end]

}  // namespace guide

// [snippet: pattern_12_traits]
template <>
struct asyncdrop::async_drop_traits<guide::LegacyFile> {
    static void async_drop(guide::LegacyFile& file) noexcept { file.descriptor = -1; }
};
// [end]

namespace guide {

asio::awaitable<void> pattern_12() {
    auto socket = asyncdrop::make_guard<Socket>();
    bool thrown = false;
    try {
        co_await socket.async_drop();
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    expect(thrown && socket.is_dropped());

    auto disk = asyncdrop::make_guard<Disk>();
    thrown = false;
    try {
        co_await disk.async_drop();
    } catch (DiskError error) {
        thrown = error == DiskError::full;
    }
    expect(thrown && disk.is_dropped());

    std::string text = "secret";
    auto buffer = asyncdrop::make_guard<Buffer>(text);
    buffer.drop_now();  // no coroutine needed
    expect(text.empty());

    auto file = AsyncDropGuard<LegacyFile>::adopt(LegacyFile{3});
    co_await file.async_drop();
    expect(file.is_dropped());
}

// ---------------------------------------------------------------- the anti-pattern

// [snippet: anti_pattern_wrong]
asio::awaitable<void> wrong() {
    auto connection = co_await Connection::open("db");
    co_await connection->query("nonsense");  // throws: the next line never runs
    co_await connection.async_drop();
}
// [end]

// [snippet: anti_pattern_right]
asio::awaitable<void> right() {
    auto open = [] { return Connection::open("db"); };
    auto use = [](Connection& connection) { return connection.query("nonsense"); };
    co_await asyncdrop::with_async_drop(open, use);
}
// [end]

void run_all() {
    run(pattern_1());
    run(pattern_2());
    expect(failure_of(pattern_2_rollback()) == "cannot reach the server");
    expect_events({"open db", "close db"});

    run(pattern_3());
    expect(failure_of(pattern_3_failure()) == "the server does not understand");
    expect_events({"open db", "close db"});
    expect(failure_of(with_an_error_map()) == "closing the shop failed");
    expect_events({"open flaky", "use flaky", "close flaky"});
    run(with_several());
    expect_events({"open source", "open target", "source to target", "close target", "close source"});
    run(with_an_existing_guard());
    expect_events({"open db", "close db"});

    run(pattern_4("db"));
    expect_events({"open db", "close db"});
    expect(failure_of(pattern_4("read-only")) == "the server is read-only");
    expect_events({"open read-only", "close read-only"});

    run(pattern_5());
    run(pattern_6());
    run(caller());
    expect_events({"open db", "close db"});
    run(pattern_8());
    expect(failure_of(pattern_8_failure()) == "the server does not understand");
    expect_events({"open db", "close db"});
    run(many());
    expect(events.size() == 6 && events[2] == "open db3");
    events.clear();
    expect(failure_of(pattern_10()) == "the server did not say goodbye");
    expect_events({"open flaky", "open b", "close flaky", "close b"});
    run(share());
    expect_events({"open db", "close db"});
    run(pattern_12());

    const std::string forgotten = messages_of([] { expect(failure_of(wrong()) != ""); });
    print_section("anti_pattern", forgotten);
    expect(failure_of(right()) == "the server does not understand");
    expect_events({"open db", "close db"});
}

}  // namespace guide

int main() {
    guide::run_all();
}
