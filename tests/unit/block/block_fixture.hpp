// A vault in memory for tests of the block layer: sessions are opened on it one after the other.
#pragma once

#include <asyncdrop/drop_in_order.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "demofs/base/random.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/block/block_stack.hpp"
#include "demofs/block/log_reader.hpp"
#include "demofs/store/fault_object_store.hpp"
#include "demofs/store/testing/counting_object_store.hpp"
#include "demofs/store/testing/memory_object_store.hpp"
#include "tests/support/run_coroutine.hpp"

namespace demofs::block::test {

namespace asio = boost::asio;

inline crypto::VaultKeys test_keys() {
    const Bytes key(crypto::master_key_bytes, std::byte{7});
    crypto::VaultId vault{};
    vault[0] = std::byte{42};
    return crypto::VaultKeys(crypto::MasterKey(crypto::SecretBytes::copy_of(key)), vault,
                             crypto::Cipher::aes_256_gcm);
}

inline SessionId new_session() {
    SessionId session;
    fill_random(session.bytes);
    return session;
}

// A payload that tells which one it is at every byte, so that no two of different `number` are confused.
inline SharedBytes payload_of(std::size_t size, std::uint64_t number) {
    Bytes bytes(size);
    std::uint64_t state = number * 0x9E3779B97F4A7C15ull + 1;
    for (std::byte& byte : bytes) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        byte = std::byte(state >> 56);
    }
    return SharedBytes::copy_of(bytes);
}

inline bool same_bytes(ByteSpan a, ByteSpan b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

inline BlockHeader header_of(BlockKind kind, std::uint64_t owner = 1, std::uint64_t position = 0,
                             std::uint64_t birth = 1) {
    BlockHeader header;
    header.kind = kind;
    header.owner = owner;
    header.position = position;
    header.birth_generation = birth;
    return header;
}

class Vault {
  public:
    // What one session works with. The stack's parts may be dropped by the test itself.
    struct Session {
        store::ObjectStore& store;
        BlockStack& stack;
        SegmentCatalog& catalog;
        BlockStore& blocks;  // the cache
        WritePipeline& pipeline;

        BlockAddress append(SharedBytes payload, BlockKind kind = BlockKind::data,
                            Placement placement = Placement::packed) {
            const BlockHeader header = header_of(kind);
            return blocks.append(header, std::move(payload), placement);
        }
    };

    // Runs `body(session)`, a coroutine, inside a session and drops everything, whatever happens. The body's
    // error wins; a drop's error is thrown otherwise.
    template <class Body>
    void session(Body body) {
        test_support::run_coroutine(context, run_session(body));
    }

    // Runs `body(reader, store)` with a reader of what is stored.
    template <class Body>
    void read(Body body) {
        test_support::run_coroutine(context, run_read(body));
    }

    asyncdrop::AsyncDropBox<store::ObjectStore> open_store() {
        asyncdrop::AsyncDropBox<store::ObjectStore> memory = store::MemoryObjectStore::open(disk, options);
        if (!faults) return store::CountingObjectStore::make(std::move(memory), counters);
        asyncdrop::AsyncDropBox<store::ObjectStore> faulty =
            store::FaultObjectStore::make(std::move(memory), faults);
        return store::CountingObjectStore::make(std::move(faulty), counters);
    }

    asio::io_context context;
    std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
    store::MemoryStoreOptions options;
    std::shared_ptr<store::FaultPlan> faults;  // none unless a test sets it
    std::shared_ptr<store::StoreCounters> counters = std::make_shared<store::StoreCounters>();
    BlockSettings settings;
    crypto::VaultKeys keys = test_keys();

  private:
    template <class Body>
    asio::awaitable<void> run_session(Body& body) {
        auto pool = WorkerPool::make(2);
        auto store = open_store();
        const asio::any_io_executor executor = context.get_executor();
        std::exception_ptr error;
        SegmentCatalog catalog(*store, keys);
        BlockStack stack;
        try {
            const SessionId id = new_session();
            co_await catalog.refresh();
            stack = make_block_stack(executor, *store, *pool, keys, catalog, settings, id);
            Session session{*store, stack, catalog, *stack.cached, *stack.pipeline};
            co_await body(session);
        } catch (...) {
            error = std::current_exception();
        }
        try {
            co_await asyncdrop::drop_in_order(stack.cached, stack.pipeline, stack.log, store, pool);
        } catch (...) {
            if (!error) error = std::current_exception();
        }
        if (error) std::rethrow_exception(error);
    }

    template <class Body>
    asio::awaitable<void> run_read(Body& body) {
        auto store = open_store();
        std::exception_ptr error;
        try {
            SegmentCatalog catalog(*store, keys);
            co_await catalog.refresh();
            LogReader reader(*store, catalog);
            co_await body(reader, *store);
        } catch (...) {
            error = std::current_exception();
        }
        co_await store.async_drop();
        if (error) std::rethrow_exception(error);
    }
};

// The error that awaiting gives; null if none.
template <class T>
asio::awaitable<std::exception_ptr> error_of(asio::awaitable<T> operation) {
    try {
        (void)co_await std::move(operation);
    } catch (...) {
        co_return std::current_exception();
    }
    co_return nullptr;
}
inline asio::awaitable<std::exception_ptr> error_of(asio::awaitable<void> operation) {
    try {
        co_await std::move(operation);
    } catch (...) {
        co_return std::current_exception();
    }
    co_return nullptr;
}

}  // namespace demofs::block::test
