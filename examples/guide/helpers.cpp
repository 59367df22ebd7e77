// The helper types of docs/asyncdrop/helpers.md, each in a small example that is run and checked.
#include <asyncdrop/testing/sync_drop.hpp>
#include <memory>
#include <optional>

#include "examples/guide/example.hpp"

namespace guide {

// ---------------------------------------------------------------- AsyncDropGuard

// [snippet: guard]
asio::awaitable<void> guard() {
    AsyncDropGuard<Connection> connection = co_await Connection::open("db");
    expect(static_cast<bool>(connection));  // armed: there is a live Connection inside
    co_await connection->query("hello");    // -> and * lead to it

    AsyncDropGuard<Connection> mine = std::move(connection);  // moves the duty, too
    expect(!connection && !connection.is_dropped());          // empty: may be destroyed silently

    co_await mine.async_drop();
    expect(!mine && mine.is_dropped());
}
// [end]

// [snippet: guard_map]
class NamedConnection {
  public:
    NamedConnection(std::string name, Connection connection)
        : name_(std::move(name)), connection_(std::move(connection)) {}
    const std::string& name() const { return name_; }
    asio::awaitable<void> async_drop_impl() { return connection_.async_drop_impl(); }

  private:
    std::string name_;
    Connection connection_;
};

asio::awaitable<void> map_a_guard() {
    auto connection = co_await Connection::open("db");
    auto give_name = [](Connection&& c) { return NamedConnection("main", std::move(c)); };
    AsyncDropGuard<NamedConnection> named = std::move(connection).map_unsafe(give_name);
    expect(named->name() == "main");
    co_await named.async_drop();  // the cleanup of what is inside now
}
// [end]

// [snippet: guard_token]
void drop_without_a_coroutine(AsyncDropGuard<Connection>& connection, asio::io_context& context) {
    auto done = [](std::exception_ptr error) { note(error ? "failed" : "dropped"); };
    connection.async_drop(context.get_executor(), done);
}
// [end]

asio::awaitable<void> keep_open(AsyncDropGuard<Connection>& place) {
    place = co_await Connection::open("db");
}

void guard_token() {
    asio::io_context context(1);
    AsyncDropGuard<Connection> connection;
    asio::co_spawn(context, keep_open(connection), [](std::exception_ptr) {});
    context.run();
    context.restart();
    drop_without_a_coroutine(connection, context);
    context.run();
    expect_events({"open db", "close db", "dropped"});
}

// ---------------------------------------------------------------- AsyncDropBox

// [snippet: box]
class Device {  // an interface: no virtual destructor needed, no virtual async_drop_impl either
  public:
    virtual std::string read() = 0;

  protected:
    ~Device() = default;
};

class Scanner final : public Device {
  public:
    explicit Scanner(Passkey<Scanner>) {}
    Scanner(Scanner&&) = delete;  // cannot move: a guard cannot hold it, a box can
    std::string read() override { return "page 1"; }
    asio::awaitable<void> async_drop_impl() {
        co_await round_trip();
        note("scanner parked");
    }
};

asio::awaitable<void> box() {
    asyncdrop::AsyncDropBox<Device> device = asyncdrop::make_box<Scanner>();
    expect(device->read() == "page 1");
    co_await device.async_drop();  // the cleanup of Scanner
}
// [end]

// ---------------------------------------------------------------- AsyncDropArc

// [snippet: arc]
asio::awaitable<void> arc() {
    auto connection = co_await Connection::open("db");
    asyncdrop::AsyncDropArc<Connection> a(std::move(connection));
    asyncdrop::AsyncDropArc<Connection> b = a.clone();
    expect(a.strong_count() == 2 && ptr_eq(a, b));

    if (!a.try_release()) co_await a.async_drop();  // not the last one: one atomic operation, no coroutine
    expect(events.size() == 1);                     // only "open db"
    co_await b.async_drop();                        // the last one runs the cleanup
}
// [end]

// [snippet: arc_wait]
asio::awaitable<void> other_owner(asyncdrop::AsyncDropArc<Connection> theirs) {
    co_await round_trip();
    co_await theirs.async_drop();
}

asio::awaitable<void> wait_until_closed() {
    auto connection = co_await Connection::open("db");
    asyncdrop::AsyncDropArc<Connection> mine(std::move(connection));
    const auto executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, other_owner(mine.clone()), [](std::exception_ptr) {});
    co_await mine.async_drop_and_wait();  // returns when the other owner has closed it
    note("really closed");
}
// [end]

// [snippet: arc_base]
asio::awaitable<void> arc_of_a_base() {
    asyncdrop::AsyncDropArc<Scanner> scanner(asyncdrop::make_box<Scanner>());
    asyncdrop::AsyncDropArc<Device> device = scanner.clone();  // shares the same Scanner
    expect(ptr_eq(scanner, device) && device->read() == "page 1");
    co_await asyncdrop::drop_in_order(scanner, device);
}
// [end]

// ---------------------------------------------------------------- AsyncDropMutex

// [snippet: mutex]
using SharedConnection = asyncdrop::AsyncDropMutex<Connection>;

asio::awaitable<void> mutex() {
    auto connection = co_await Connection::open("db");
    auto mutex = SharedConnection::create(std::move(connection));  // a guard of the mutex
    {
        SharedConnection::Lock locked = co_await mutex->lock();
        co_await locked->query("one at a time");
        expect(!mutex->try_lock());
    }  // unlocked
    co_await mutex.async_drop();  // waits for whoever is inside or queued, then closes the connection
}
// [end]

// ---------------------------------------------------------------- AsyncDropHashMap

// [snippet: hash_map]
asio::awaitable<void> hash_map() {
    auto map = asyncdrop::AsyncDropHashMap<std::string, Connection>::create();
    auto first = co_await Connection::open("first");
    auto second = co_await Connection::open("second");
    auto nothing = map->try_insert("db", std::move(first));
    expect(!nothing);

    auto rejected = map->try_insert("db", std::move(second));  // the key is taken: the guard comes back
    expect(rejected && rejected->name() == "second");
    co_await rejected.async_drop();

    expect(map->get("db")->name() == "first" && map->get("other") == nullptr);
    auto removed = map->remove("db");  // the duty is ours
    co_await removed.async_drop();
    co_await map.async_drop();  // the rest, concurrently
}
// [end]

// ---------------------------------------------------------------- AsyncDropResult

// [snippet: result]
using Opened = asyncdrop::AsyncDropResult<Connection>;  // a guard, or a std::exception_ptr

asio::awaitable<AsyncDropGuard<Opened>> try_open(std::string_view name) {
    std::exception_ptr error;
    try {
        auto connection = co_await Connection::open(name);
        co_return Opened::success(std::move(connection));
    } catch (...) {
        error = std::current_exception();
    }
    co_return Opened::failure(error);
}

asio::awaitable<void> result() {
    for (const char* name : {"db", "unreachable"}) {
        auto opened = co_await try_open(name);
        note(opened->has_value() ? "there" : "not there");
        co_await opened.async_drop();  // drops the connection; does nothing for an error
    }
}
// [end]

// ---------------------------------------------------------------- AsyncDropShared

// [snippet: shared]
asio::awaitable<void> shared() {
    auto open = [] { return Connection::open("db"); };
    auto shared = asyncdrop::AsyncDropShared<Connection>::create(open);
    auto other = shared.clone();
    expect(shared.peek() == nullptr);

    auto mine = co_await shared.get();   // the first one starts the creation
    auto theirs = co_await other.get();  // everybody else gets the same resource
    expect(ptr_eq(mine, theirs) && events.size() == 1);

    co_await asyncdrop::drop_in_order(mine, theirs, shared, other);  // the last of them closes it
}
// [end]

// ---------------------------------------------------------------- Lazy

// [snippet: lazy]
asio::awaitable<void> lazy() {
    auto open = [] { return Connection::open("db"); };
    auto lazy = asyncdrop::Lazy<Connection>::uninitialized(open, asyncdrop::WhenUncreated::skip);
    expect(lazy->peek() == nullptr && events.empty());
    Connection* connection = co_await lazy->get();
    expect(connection == lazy->peek());
    co_await lazy.async_drop();
}
// [end]

// ---------------------------------------------------------------- AsyncDropStack

// [snippet: stack]
asio::awaitable<void> stack() {
    asyncdrop::AsyncDropStack undo;
    auto build = [](asyncdrop::AsyncDropStack& steps) -> asio::awaitable<void> {
        note("make folder");
        steps.defer([]() noexcept { note("remove folder"); });
        auto opened = co_await Connection::open("db");
        auto& connection = steps.own(std::move(opened));
        co_await connection->query("nonsense");  // fails: everything is undone, last in, first out
        AsyncDropGuard<Connection> kept = std::move(connection);  // success: take out what is to stay,
        steps.release();                                          // and forget the rest
        co_await kept.async_drop();
    };
    co_await asyncdrop::with_async_drop(undo, build);
}
// [end]

// ---------------------------------------------------------------- flatten_async_drop

// [snippet: flatten]
asio::awaitable<void> flatten(std::string_view first_name, std::string_view second_name) {
    auto a = co_await try_open(first_name);
    auto b = co_await try_open(second_name);
    // Both guards; or, if one of them is an error, the other one is dropped and all errors are thrown.
    auto [first, second] = co_await asyncdrop::flatten_async_drop(a, b);
    co_await asyncdrop::drop_concurrently(first, second);
}
// [end]

// ---------------------------------------------------------------- drop_in_order, drop_concurrently

// [snippet: drop_many]
asio::awaitable<void> drop_many() {
    auto database = co_await Connection::open("db");
    auto cache = co_await Connection::open("cache");
    co_await asyncdrop::drop_in_order(cache, database);  // one after the other

    auto left = co_await Connection::open("left");
    auto right = co_await Connection::open("right");
    co_await asyncdrop::drop_concurrently(left, right);  // at the same time
}
// [end]

// ---------------------------------------------------------------- the registry

// [snippet: registry]
asio::awaitable<void> registry() {
    asyncdrop::set_guard_registry(true);
    auto connection = co_await Connection::open("db");
    asyncdrop::name_live_guard(connection, "main database");
    note(asyncdrop::live_guards_text());  // what has not been dropped yet
    co_await connection.async_drop();
    expect(asyncdrop::live_guards().empty());
    asyncdrop::set_guard_registry(false);
}
// [end]

// ---------------------------------------------------------------- testing::SyncDrop

// [snippet: sync_drop]
void a_test(AsyncDropGuard<Connection> opened) {
    asyncdrop::testing::SyncDrop connection(std::move(opened));
    expect(connection->name() == "db");
}  // blocks until it is closed
// [end]

void sync_drop() {
    AsyncDropGuard<Connection> connection;
    run(keep_open(connection));
    a_test(std::move(connection));
    expect_events({"open db", "close db"});
}

void run_all() {
    run(guard());
    expect_events({"open db", "close db"});
    run(map_a_guard());
    expect_events({"open db", "close db"});
    guard_token();
    run(box());
    expect_events({"scanner parked"});
    run(arc());
    expect_events({"open db", "close db"});
    run(wait_until_closed());
    expect_events({"open db", "close db", "really closed"});
    run(arc_of_a_base());
    expect_events({"scanner parked"});
    run(mutex());
    expect_events({"open db", "close db"});
    run(hash_map());
    expect_events({"open first", "open second", "close second", "close first"});
    run(result());
    expect_events({"open db", "there", "close db", "not there"});
    run(shared());
    expect_events({"open db", "close db"});
    run(lazy());
    expect_events({"open db", "close db"});
    expect(failure_of(stack()) == "the server does not understand");
    expect_events({"make folder", "open db", "close db", "remove folder"});
    run(flatten("a", "b"));
    expect_events({"open a", "open b", "close a", "close b"});
    expect(failure_of(flatten("a", "unreachable")) == "cannot reach the server");
    expect_events({"open a", "close a"});
    run(drop_many());
    expect_events({"open db", "open cache", "close cache", "close db", "open left", "open right",
                   "close left", "close right"});
    run(registry());
    expect(events.size() == 3);
    print_section("registry", events.at(1));
    events.clear();
    sync_drop();
}

}  // namespace guide

int main() {
    guide::run_all();
}
