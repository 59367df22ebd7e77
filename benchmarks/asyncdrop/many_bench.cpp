// Many resources: in order, from a stack, out of a map, through a teardown graph, down a deep call chain.
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/hash_map.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "by_hand.hpp"
#include "cases.hpp"

namespace asyncdrop_bench {
namespace {

constexpr Cleanup at_once = Cleanup::ends_at_once;
using Guarded = Connection<at_once>;
using Hand = HandConnection<at_once>;

/// Keeps the first error; the library keeps all.
template <class C>
asio::awaitable<void> close_into(C& connection, std::exception_ptr& error) {
    try {
        co_await connection.close();
    } catch (...) {
        if (!error) error = std::current_exception();
    }
}

asio::awaitable<void> close_three(Hand& a, Hand& b, Hand& c) {
    std::exception_ptr error;
    co_await close_into(a, error);
    co_await close_into(b, error);
    co_await close_into(c, error);
    if (error) std::rethrow_exception(error);
}

// --- three members ---

asio::awaitable<void> in_order(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        auto a = connect<at_once>(wire);
        auto b = connect<at_once>(wire);
        auto c = connect<at_once>(wire);
        co_await asyncdrop::drop_in_order(a, b, c);
    }
    benchmark::DoNotOptimize(wire);
}

asio::awaitable<void> in_order_by_hand(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        Hand a(wire);
        Hand b(wire);
        Hand c(wire);
        co_await close_three(a, b, c);
    }
    benchmark::DoNotOptimize(wire);
}

const Case in_order_case("drop_in_order of 3", 0, in_order, in_order_by_hand);

// --- stack ---

asio::awaitable<void> stack(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        asyncdrop::AsyncDropStack built;
        built.own(connect<at_once>(wire));
        built.own(connect<at_once>(wire));
        built.own(connect<at_once>(wire));
        co_await built.async_drop();
    }
    benchmark::DoNotOptimize(wire);
}

asio::awaitable<void> close_all(std::vector<std::unique_ptr<Hand>>& built) {
    std::exception_ptr error;
    for (; !built.empty(); built.pop_back()) {
        try {
            co_await built.back()->close();
        } catch (...) {
            if (!error) error = std::current_exception();
        }
    }
    if (error) std::rethrow_exception(error);
}

asio::awaitable<void> stack_by_hand(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        std::vector<std::unique_ptr<Hand>> built;
        built.reserve(8);
        built.push_back(std::make_unique<Hand>(wire));
        built.push_back(std::make_unique<Hand>(wire));
        built.push_back(std::make_unique<Hand>(wire));
        co_await close_all(built);
    }
    benchmark::DoNotOptimize(wire);
}

const Case stack_case("stack of 3, dropped", 0, stack, stack_by_hand);

// --- map ---

constexpr int map_size = 64;

asio::awaitable<void> map(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        auto connections = asyncdrop::AsyncDropHashMap<int, Guarded>::create();
        for (int i = 0; i < map_size; ++i) {
            auto rejected = connections->try_insert(i, connect<at_once>(wire));
            benchmark::DoNotOptimize(rejected);
        }
        co_await connections.async_drop();
    }
    state.SetItemsProcessed(state.iterations() * map_size);
}

/// Concurrently by hand: a coroutine for each, the last one to end wakes the caller.
class CloseAll {
  public:
    CloseAll(asio::any_io_executor executor, std::unordered_map<int, Hand>& connections)
        : executor_(std::move(executor)),
          connections_(&connections),
          ended_(executor_, asio::steady_timer::time_point::max()) {}

    asio::awaitable<void> run() {
        left_ = connections_->size();
        for (auto& [number, connection] : *connections_) {
            asio::co_spawn(executor_, connection.close(), [this](const std::exception_ptr& error) {
                if (error && !error_) error_ = error;
                if (--left_ == 0) ended_.cancel();
            });
        }
        while (left_ > 0) {
            boost::system::error_code ignored;
            co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        connections_->clear();
        if (error_) std::rethrow_exception(error_);
    }

  private:
    asio::any_io_executor executor_;
    std::unordered_map<int, Hand>* connections_;
    asio::steady_timer ended_;
    std::size_t left_ = 0;
    std::exception_ptr error_;
};

asio::awaitable<void> map_by_hand(benchmark::State& state) {
    Wire wire;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (auto _ : state) {
        std::unordered_map<int, Hand> connections;
        for (int i = 0; i < map_size; ++i) connections.try_emplace(i, wire);
        CloseAll all(executor, connections);
        co_await all.run();
    }
    state.SetItemsProcessed(state.iterations() * map_size);
}

const Case map_case("hash map, 64 inserted and dropped concurrently", 0, map, map_by_hand);

// --- teardown graph ---

/// A chain: each node uses the one before. The twin closes them in reverse.
template <int nodes>
asio::awaitable<void> graph(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        auto graph = asyncdrop::TeardownGraph::create();
        std::optional<asyncdrop::NodeHandle<Guarded>> before;
        for (int i = 0; i < nodes; ++i) {
            auto connection = connect<at_once>(wire);
            const std::string name = std::to_string(i);
            if (before) {
                before = graph->add(name, std::move(connection), asyncdrop::uses(*before));
            } else {
                before = graph->add(name, std::move(connection));
            }
        }
        co_await graph.async_drop();
    }
    state.SetItemsProcessed(state.iterations() * nodes);
}

template <int nodes>
asio::awaitable<void> chain_by_hand(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        std::vector<std::unique_ptr<Hand>> built;
        for (int i = 0; i < nodes; ++i) built.push_back(std::make_unique<Hand>(wire));
        co_await close_all(built);
    }
    state.SetItemsProcessed(state.iterations() * nodes);
}

const Case graph_1("teardown graph, 1 node built and run", 0, graph<1>, chain_by_hand<1>);
const Case graph_10("teardown graph, chain of 10 built and run", 0, graph<10>, chain_by_hand<10>);
const Case graph_100("teardown graph, chain of 100 built and run", 0, graph<100>, chain_by_hand<100>);

// --- depth ---

constexpr int depth = 100;

/// Each level holds a connection around the next one.
asio::awaitable<void> descend(Wire& wire, int levels) {
    const auto open = [&wire] { return connect<at_once>(wire); };
    const auto body = [&wire, levels](Guarded& connection) -> asio::awaitable<void> {
        connection.say("hello");
        if (levels > 1) co_await descend(wire, levels - 1);
    };
    co_await asyncdrop::with_async_drop(open, body);
}

asio::awaitable<void> descend_by_hand(Wire& wire, int levels) {
    const auto open = [&wire] { return Hand(wire); };
    const auto body = [&wire, levels](Hand& connection) -> asio::awaitable<void> {
        connection.say("hello");
        if (levels > 1) co_await descend_by_hand(wire, levels - 1);
    };
    co_await try_and_catch<Plain>(open, body);
}

asio::awaitable<void> deep(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) co_await descend(wire, depth);
    state.SetItemsProcessed(state.iterations() * depth);
}

asio::awaitable<void> deep_by_hand(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) co_await descend_by_hand(wire, depth);
    state.SetItemsProcessed(state.iterations() * depth);
}

const Case deep_case("100 brackets inside each other", 0, deep, deep_by_hand);

}  // namespace
}  // namespace asyncdrop_bench
