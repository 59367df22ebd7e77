// The metadata tree: lookups and insertions in memory on one core, and what a commit costs above a store in
// memory. Targets: a million lookups and half a million insertions a second.
#include <benchmark/benchmark.h>

#include <asyncdrop/drop_in_order.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "demofs/base/worker_pool.hpp"
#include "demofs/block/block_stack.hpp"
#include "demofs/store/testing/counting_object_store.hpp"
#include "demofs/store/testing/memory_object_store.hpp"
#include "demofs/tree/btree.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::tree {
namespace {

namespace asio = boost::asio;

constexpr std::size_t node_bytes = 8 * 1024;
constexpr std::size_t value_bytes = 64;  // about an inode

Changes put_of(std::uint64_t number) {
    Changes changes;
    changes.put({number, Kind::inode, 0}, Bytes(value_bytes, std::byte{1}));
    return changes;
}

std::vector<std::uint64_t> shuffled(std::uint64_t count) {
    std::vector<std::uint64_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937_64(1));
    return numbers;
}

void insert(BTree& tree, const Changes& changes) {
    benchmark::DoNotOptimize(tree.check(changes));
    tree.apply(changes);
}

void lookups(benchmark::State& state) {
    const auto count = static_cast<std::uint64_t>(state.range(0));
    BTree tree(node_bytes);
    for (std::uint64_t i = 0; i < count; ++i) insert(tree, put_of(i));
    const std::vector<std::uint64_t> order = shuffled(count);
    std::size_t next_lookup = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(tree.find({order[next_lookup], Kind::inode, 0}));
        if (++next_lookup == order.size()) next_lookup = 0;
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(lookups)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

void sequential_insertions(benchmark::State& state) {
    BTree tree(node_bytes);
    std::uint64_t number = 0;
    for (auto _ : state) insert(tree, put_of(number++));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(sequential_insertions)->Iterations(1'000'000);

void random_insertions(benchmark::State& state) {
    const std::vector<std::uint64_t> order = shuffled(1'000'000);
    BTree tree(node_bytes);
    std::size_t next_insert = 0;
    for (auto _ : state) insert(tree, put_of(order[next_insert++]));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(random_insertions)->Iterations(1'000'000);

// The way a create takes: two entries put, one replaced, in a tree of a million.
void creates(benchmark::State& state) {
    BTree tree(node_bytes);
    for (std::uint64_t i = 0; i < 500'000; ++i) insert(tree, put_of(i));
    std::uint64_t number = 1'000'000;
    std::mt19937_64 random(1);
    for (auto _ : state) {
        Changes changes = put_of(number++);
        changes.put({17, Kind::dirent, random() >> 1}, Bytes(24));
        changes.put({17, Kind::inode, 0}, Bytes(value_bytes));
        insert(tree, changes);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(creates)->Iterations(300'000);

// --- commits, with encryption, on a store in memory ----------------------------------------------

asio::awaitable<void> measure_commits(benchmark::State& state, asio::io_context& context) {
    auto pool = WorkerPool::make(1);
    const auto counters = std::make_shared<store::StoreCounters>();
    store::MemoryStoreOptions options;
    options.always_suspend = false;
    asyncdrop::AsyncDropBox<store::ObjectStore> memory =
        store::MemoryObjectStore::open(std::make_shared<store::MemoryDisk>(), options);
    asyncdrop::AsyncDropBox<store::ObjectStore> store =
        store::CountingObjectStore::make(std::move(memory), counters);
    const crypto::VaultKeys keys(crypto::MasterKey::random(), {}, crypto::Cipher::aes_256_gcm);
    const asio::any_io_executor executor = context.get_executor();
    block::BlockSettings settings;
    SessionId session;
    block::SegmentCatalog catalog(*store, keys);
    block::BlockStack stack =
        block::make_block_stack(executor, *store, *pool, keys, catalog, settings, session);
    TreeSettings tree_settings;
    tree_settings.node_cache_bytes = 512u << 20;
    asyncdrop::AsyncDropGuard<Tree> tree = Tree::make(tree_settings, *stack.cached, nullptr);
    for (std::uint64_t i = 0; i < 300'000; ++i) tree->apply(put_of(i));
    co_await tree->commit();

    const auto changes = static_cast<std::uint64_t>(state.range(0));
    std::mt19937_64 random(1);
    const std::uint64_t bytes_before = counters->appended_bytes;
    for (auto _ : state) {
        for (std::uint64_t i = 0; i < changes; ++i) tree->apply(put_of(random() % 300'000));
        co_await tree->commit();
    }
    state.SetItemsProcessed(state.iterations());
    state.counters["KiB_per_commit"] =
        benchmark::Counter(static_cast<double>(counters->appended_bytes - bytes_before) / 1024,
                           benchmark::Counter::kAvgIterations);
    co_await asyncdrop::drop_in_order(tree, stack.cached, stack.pipeline, stack.log, store, pool);
}

// A commit after so many changes at random places; with 1 it is what an fsync costs above the disk's own
// time.
void commits(benchmark::State& state) {
    asio::io_context context;
    asio::co_spawn(context, measure_commits(state, context), [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
    });
    context.run();
}
BENCHMARK(commits)->Arg(1)->Arg(100)->Arg(10'000)->UseRealTime();

}  // namespace
}  // namespace demofs::tree
