// The block path against bare OpenSSL: how much of the cipher's speed is left after addressing, queues,
// batches and a store in memory. Bytes per second of CPU time of the whole process, so that workers count:
// GB/s per core.

#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <time.h>

#include <algorithm>
#include <asyncdrop/drop_in_order.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "demofs/base/random.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/block/block_stack.hpp"
#include "demofs/store/testing/memory_object_store.hpp"

namespace demofs::block {
namespace {

namespace asio = boost::asio;

crypto::VaultKeys bench_keys() {
    const Bytes key(crypto::master_key_bytes, std::byte{7});
    return crypto::VaultKeys(crypto::MasterKey(crypto::SecretBytes::copy_of(key)), crypto::VaultId{},
                             crypto::Cipher::aes_256_gcm);
}

// Takes everything and keeps nothing.
class ForgetfulWriter final : public store::ObjectWriter {
  public:
    explicit ForgetfulWriter(asyncdrop::Passkey<ForgetfulWriter>) {}
    asio::awaitable<void> append(ByteSpan data, store::Durability) override {
        benchmark::DoNotOptimize(data.data());
        size_ += data.size();
        co_return;
    }
    asio::awaitable<void> sync() override { co_return; }
    asio::awaitable<void> seal() override {
        ended_ = true;
        co_return;
    }
    bool ended() const noexcept override { return ended_; }
    bool failed() const noexcept override { return false; }
    std::uint64_t size() const noexcept override { return size_; }
    asio::awaitable<void> async_drop_impl() override { co_return; }

  private:
    std::uint64_t size_ = 0;
    bool ended_ = false;
};

class ForgetfulStore final : public store::ObjectStore {
  public:
    explicit ForgetfulStore(asyncdrop::Passkey<ForgetfulStore>) {}
    asio::awaitable<asyncdrop::AsyncDropBox<store::ObjectWriter>> create(std::string) override {
        asyncdrop::AsyncDropBox<store::ObjectWriter> writer = asyncdrop::make_box<ForgetfulWriter>();
        co_return writer;
    }
    asio::awaitable<std::size_t> read(std::string, std::uint64_t, MutableByteSpan) override { co_return 0; }
    std::optional<std::size_t> try_read(const std::string&, std::uint64_t,
                                        MutableByteSpan) noexcept override {
        return 0;
    }
    asio::awaitable<std::vector<store::ObjectInfo>> list() override {
        co_return std::vector<store::ObjectInfo>();
    }
    asio::awaitable<void> remove(std::string) override { co_return; }
    asio::awaitable<store::StoreSpace> space() override { co_return store::StoreSpace(); }
    std::string name() const override { return "nothing"; }
    asio::awaitable<void> async_drop_impl() override { co_return; }
};

asyncdrop::AsyncDropBox<store::ObjectStore> forgetful_store() {
    return asyncdrop::make_box<ForgetfulStore>();
}

asyncdrop::AsyncDropBox<store::ObjectStore> memory_store() {
    store::MemoryStoreOptions options;
    options.always_suspend = false;
    return store::MemoryObjectStore::open(std::make_shared<store::MemoryDisk>(), options);
}

// One session on `store` for the whole of `body`, a coroutine of the stack.
template <class Body>
asio::awaitable<void> with_stack(asio::any_io_executor executor,
                                 asyncdrop::AsyncDropBox<store::ObjectStore> store, std::size_t workers,
                                 Body& body) {
    auto pool = WorkerPool::make(workers);
    const crypto::VaultKeys keys = bench_keys();
    const BlockSettings settings;
    SessionId session;
    fill_random(session.bytes);
    std::exception_ptr error;
    SegmentCatalog catalog(*store, keys);
    BlockStack stack;
    try {
        co_await catalog.refresh();
        stack = make_block_stack(executor, *store, *pool, keys, catalog, settings, session);
        co_await body(stack);
    } catch (...) {
        error = std::current_exception();
    }
    co_await asyncdrop::drop_in_order(stack.cached, stack.pipeline, stack.log, store, pool);
    if (error) std::rethrow_exception(error);
}

template <class Body>
void run(asyncdrop::AsyncDropBox<store::ObjectStore> store, Body body, std::size_t workers = 2) {
    asio::io_context context(1);
    const asio::any_io_executor executor = context.get_executor();
    std::exception_ptr error;
    asio::co_spawn(context, with_stack(executor, std::move(store), workers, body),
                   [&](std::exception_ptr failure) { error = failure; });
    context.run();
    if (error) std::rethrow_exception(error);
}

void bare_openssl_seal(benchmark::State& state) {
    const auto size = static_cast<int>(state.range(0));
    std::vector<unsigned char> plain(static_cast<std::size_t>(size), 1);
    std::vector<unsigned char> sealed(plain.size() + 16);
    const unsigned char key[32] = {1};
    unsigned char nonce[12] = {};
    EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex2(context, cipher, key, nonce, nullptr);
    for (auto _ : state) {
        ++nonce[0];
        int length = 0;
        EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce, nullptr);
        EVP_EncryptUpdate(context, sealed.data(), &length, plain.data(), size);
        EVP_EncryptFinal_ex(context, sealed.data() + length, &length);
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, sealed.data() + size);
        benchmark::DoNotOptimize(sealed.data());
    }
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    state.SetBytesProcessed(state.iterations() * size);
}
BENCHMARK(bare_openssl_seal)->Arg(4 << 10)->Arg(32 << 10)->Arg(64 << 10);

// Streaming: blocks of one size, throttled, synced at the end of each 8 MiB. A new session (and an empty
// store) each 128 MiB keeps the memory store small.
void append_and_encrypt(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const SharedBytes payload = SharedBytes::copy_of(Bytes(size, std::byte{1}));
    constexpr std::size_t piece_bytes = 8 << 20;
    run(forgetful_store(), [&](BlockStack& stack) -> asio::awaitable<void> {
        BlockStore& blocks = *stack.pipeline;
        const BlockHeader header;
        while (state.KeepRunning()) {
            for (std::size_t done = 0; done < piece_bytes; done += size) {
                benchmark::DoNotOptimize(blocks.append(header, payload, Placement::packed));
                co_await blocks.throttle();
            }
            co_await blocks.sync();
        }
    });
    state.SetBytesProcessed(state.iterations() * piece_bytes);
}
BENCHMARK(append_and_encrypt)
    ->Arg(4 << 10)
    ->Arg(32 << 10)
    ->Arg(64 << 10)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

// How the layer scales: wall time with one and more workers, and what the core thread and the workers need for each
// GiB. The core is the part that does not scale; `of_8` is what eight workers on processors of their own would
// reach: the slower of the core and an eighth of the workers' share.
class Shares {
  public:
    void report(benchmark::State& state, std::int64_t bytes) const {
        const double gib = static_cast<double>(bytes) / (1u << 30);
        const double core = (now(CLOCK_THREAD_CPUTIME_ID) - core_) / gib;
        const double workers = (now(CLOCK_PROCESS_CPUTIME_ID) - process_) / gib - core;
        state.counters["core_s_per_GiB"] = core;
        state.counters["workers_s_per_GiB"] = workers;
        state.counters["GiB_per_s_of_8"] = 1 / std::max(core, workers / 8);
    }

  private:
    static double now(clockid_t clock) {
        timespec time{};
        clock_gettime(clock, &time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
    }

    double core_ = now(CLOCK_THREAD_CPUTIME_ID);
    double process_ = now(CLOCK_PROCESS_CPUTIME_ID);
};

void encrypt_with_workers(benchmark::State& state) {
    const SharedBytes payload = SharedBytes::copy_of(Bytes(32 << 10, std::byte{1}));
    constexpr std::size_t piece_bytes = 32 << 20;
    const auto body = [&](BlockStack& stack) -> asio::awaitable<void> {
        BlockStore& blocks = *stack.pipeline;
        const BlockHeader header;
        const Shares shares;
        while (state.KeepRunning()) {
            for (std::size_t done = 0; done < piece_bytes; done += payload.size()) {
                benchmark::DoNotOptimize(blocks.append(header, payload, Placement::packed));
                co_await blocks.throttle();
            }
            co_await blocks.sync();
        }
        shares.report(state, state.iterations() * static_cast<std::int64_t>(piece_bytes));
    };
    run(forgetful_store(), body, static_cast<std::size_t>(state.range(0)));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(piece_bytes));
}
BENCHMARK(encrypt_with_workers)->Arg(1)->Arg(2)->Arg(8)->Unit(benchmark::kMillisecond)->UseRealTime();

// A small commit: three nodes, digest, record, sync.
void small_commit(benchmark::State& state) {
    const SharedBytes node = SharedBytes::copy_of(Bytes(8 << 10, std::byte{1}));
    const SharedBytes record = SharedBytes::copy_of(Bytes(400, std::byte{1}));
    run(forgetful_store(), [&](BlockStack& stack) -> asio::awaitable<void> {
        BlockStore& blocks = *stack.cached;
        const BlockHeader header{BlockKind::node, 0, 0, 1};
        const BlockHeader commit{BlockKind::commit, 0, 0, 1};
        while (state.KeepRunning()) {
            for (int i = 0; i < 3; ++i) blocks.append(header, node, Placement::packed);
            const LogDigest digest = co_await blocks.digest();
            benchmark::DoNotOptimize(digest.tags_hash);
            blocks.append(commit, record, Placement::aligned);
            co_await blocks.sync();
        }
    });
}
BENCHMARK(small_commit)->Unit(benchmark::kMicrosecond)->Iterations(20000);

// Reading what is stored, past the cache: 1 MiB at a time, as a large FUSE read does.
void read_and_decrypt(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    const SharedBytes payload = SharedBytes::copy_of(Bytes(size, std::byte{1}));
    run(memory_store(), [&](BlockStack& stack) -> asio::awaitable<void> {
        WritePipeline& blocks = *stack.pipeline;
        std::vector<BlockAddress> addresses;
        for (std::size_t done = 0; done < (1 << 20) - (64 << 10); done += size)
            addresses.push_back(blocks.append(BlockHeader(), payload, Placement::packed));
        co_await blocks.sync();
        while (state.KeepRunning()) {
            const std::vector<SharedBytes> read = co_await blocks.read_many(addresses, BlockKind::data);
            benchmark::DoNotOptimize(read.data());
        }
        state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(addresses.size() * size));
    });
}
BENCHMARK(read_and_decrypt)->Arg(4 << 10)->Arg(32 << 10)->Arg(64 << 10)->MeasureProcessCPUTime();

void decrypt_with_workers(benchmark::State& state) {
    const SharedBytes payload = SharedBytes::copy_of(Bytes(32 << 10, std::byte{1}));
    constexpr std::size_t piece_bytes = 32 << 20;
    const auto body = [&](BlockStack& stack) -> asio::awaitable<void> {
        WritePipeline& blocks = *stack.pipeline;
        std::vector<BlockAddress> addresses;
        for (std::size_t done = 0; done < piece_bytes; done += payload.size()) {
            addresses.push_back(blocks.append(BlockHeader(), payload, Placement::packed));
            co_await blocks.throttle();
        }
        co_await blocks.sync();
        const Shares shares;
        while (state.KeepRunning()) {
            const std::vector<SharedBytes> read = co_await blocks.read_many(addresses, BlockKind::data);
            benchmark::DoNotOptimize(read.data());
        }
        shares.report(state, state.iterations() * static_cast<std::int64_t>(piece_bytes));
    };
    run(memory_store(), body, static_cast<std::size_t>(state.range(0)));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(piece_bytes));
}
BENCHMARK(decrypt_with_workers)->Arg(1)->Arg(2)->Arg(8)->Unit(benchmark::kMillisecond)->UseRealTime();

// A block in the cache.
void cached_try_read(benchmark::State& state) {
    const SharedBytes payload = SharedBytes::copy_of(Bytes(32 << 10, std::byte{1}));
    run(memory_store(), [&](BlockStack& stack) -> asio::awaitable<void> {
        BlockStore& blocks = *stack.cached;
        std::vector<BlockAddress> addresses;
        for (int i = 0; i < 1000; ++i)
            addresses.push_back(blocks.append(BlockHeader(), payload, Placement::packed));
        co_await blocks.sync();
        std::size_t next = 0;
        while (state.KeepRunning()) {
            benchmark::DoNotOptimize(blocks.try_read(addresses[next]));
            next = (next + 7) % addresses.size();
        }
    });
}
BENCHMARK(cached_try_read);

}  // namespace
}  // namespace demofs::block
