// A vault on a MemoryDisk with everything below the tree as it really is: for recovery and crashes.
#pragma once

#include <asyncdrop/drop_in_order.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "demofs/base/error.hpp"
#include "demofs/base/random.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/block/block_stack.hpp"
#include "demofs/block/log_reader.hpp"
#include "demofs/store/fault_object_store.hpp"
#include "demofs/store/testing/memory_object_store.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/recovery.hpp"
#include "demofs/tree/tree.hpp"
#include "tests/support/run_coroutine.hpp"

namespace demofs::tree::test {

namespace asio = boost::asio;

inline crypto::VaultKeys vault_keys() {
    const Bytes key(crypto::master_key_bytes, std::byte{7});
    crypto::VaultId vault{};
    vault[0] = std::byte{42};
    return crypto::VaultKeys(crypto::MasterKey(crypto::SecretBytes::copy_of(key)), vault,
                             crypto::Cipher::aes_256_gcm);
}

// A mount would not go on. (One for writing would not on damage either; what tests do to damaged vaults, they do
// on purpose.)
inline void refuse_unusable(const Recovered& found) {
    switch (found.verdict) {
        case Verdict::clean:
        case Verdict::crash_tail:
            return;
        case Verdict::damaged:
            if (found.record) return;
            throw Error(Errc::vault_damaged, found.why);
        case Verdict::fork:
            throw Error(Errc::forked, found.why);
        case Verdict::rolled_back:
            throw Error(Errc::rolled_back, found.why);
        case Verdict::incomplete:
            throw Error(Errc::vault_incomplete, found.why);
        case Verdict::unsupported:
            throw Error(Errc::unsupported_format, found.why);
    }
}

class Vault {
  public:
    // Recovers, opens a tree, runs `body(tree)`, a coroutine, and takes everything down with the tree's final
    // commit. The body's error is thrown, else that of the drops. `recovered` holds what recovery said (its
    // record is taken).
    template <class Body>
    void session(Body body) {
        test_support::run_coroutine(context, run_session(body));
    }

    Recovered recover(RecoverySettings settings = {}) {
        Recovered found;
        test_support::run_coroutine(context, run_recovery(settings, found));
        return found;
    }

    // Newest first.
    std::vector<block::ListedSegment> segments() {
        std::vector<block::ListedSegment> found;
        test_support::run_coroutine(context, list(found));
        return found;
    }

    // Runs `body(log)`, a coroutine, with a reader of what is stored.
    template <class Body>
    void read(Body body) {
        test_support::run_coroutine(context, run_read(body));
    }

    // Power fails; `disk` is what was left at some moment.
    void crash(const store::MemoryDisk& at, const store::CrashPolicy& policy) {
        disk = std::make_shared<store::MemoryDisk>(at.crashed(policy));
    }

    void flip_byte(const std::string& object, std::uint64_t offset) {
        Bytes bytes = disk->contents(object);
        bytes.at(offset) ^= std::byte{1};
        disk->put(object, bytes);
    }
    void cut(const std::string& object, std::uint64_t size_bytes) {
        Bytes bytes = disk->contents(object);
        bytes.resize(size_bytes);
        disk->put(object, bytes);
    }

    asio::io_context context;
    std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
    store::MemoryStoreOptions options;
    std::shared_ptr<store::FaultPlan> faults;  // none unless a test sets it
    block::BlockSettings block_settings;
    TreeSettings tree_settings{.check_before_commit = true};
    RecoverySettings recovery_settings;
    Recovered recovered;
    crypto::VaultKeys keys = vault_keys();

  private:
    asyncdrop::AsyncDropBox<store::ObjectStore> open_store() {
        asyncdrop::AsyncDropBox<store::ObjectStore> memory = store::MemoryObjectStore::open(disk, options);
        if (!faults) return memory;
        return store::FaultObjectStore::make(std::move(memory), faults);
    }

    template <class Body>
    asio::awaitable<void> run_session(Body& body) {
        auto pool = WorkerPool::make(1);
        asyncdrop::AsyncDropBox<store::ObjectStore> store = open_store();
        block::SegmentCatalog catalog(*store, keys);
        block::BlockStack stack;
        asyncdrop::AsyncDropGuard<Tree> tree;
        std::exception_ptr error;
        try {
            co_await catalog.refresh();
            block::LogReader log(*store, catalog);
            recovered = co_await tree::recover(log, recovery_settings);
            refuse_unusable(recovered);
            TreeSettings settings = tree_settings;
            fill_random(settings.session.bytes);
            settings.seen_generation = recovered.seen_generation;
            const asio::any_io_executor executor = context.get_executor();
            block::Origin origin(settings.session);
            origin.replica = settings.replica;
            if (recovered.record) origin.base = recovered.record->id();
            stack = block::make_block_stack(executor, *store, *pool, keys, catalog, block_settings, origin);
            tree = Tree::make(settings, *stack.cached, std::move(recovered.record));
            const Completeness complete = co_await completeness_of(*tree, catalog);
            if (!complete.why.empty()) recovered.judge(complete.verdict, complete.why);
            if (complete.verdict == Verdict::incomplete) throw Error(Errc::vault_incomplete, complete.why);
            co_await body(*tree);
        } catch (...) {
            error = std::current_exception();
        }
        try {
            co_await asyncdrop::drop_in_order(tree, stack.cached, stack.pipeline, stack.log, store, pool);
        } catch (...) {
            if (!error) error = std::current_exception();
        }
        if (error) std::rethrow_exception(error);
    }

    template <class Body>
    asio::awaitable<void> run_read(Body& body) {
        asyncdrop::AsyncDropBox<store::ObjectStore> store = open_store();
        std::exception_ptr error;
        try {
            block::SegmentCatalog catalog(*store, keys);
            co_await catalog.refresh();
            block::LogReader log(*store, catalog);
            co_await body(log);
        } catch (...) {
            error = std::current_exception();
        }
        co_await store.async_drop();
        if (error) std::rethrow_exception(error);
    }

    asio::awaitable<void> run_recovery(RecoverySettings settings, Recovered& found) {
        asyncdrop::AsyncDropBox<store::ObjectStore> store = open_store();
        std::exception_ptr error;
        try {
            block::SegmentCatalog catalog(*store, keys);
            co_await catalog.refresh();
            block::LogReader log(*store, catalog);
            found = co_await tree::recover(log, settings);
        } catch (...) {
            error = std::current_exception();
        }
        co_await store.async_drop();
        if (error) std::rethrow_exception(error);
    }

    asio::awaitable<void> list(std::vector<block::ListedSegment>& found) {
        asyncdrop::AsyncDropBox<store::ObjectStore> store = open_store();
        block::SegmentCatalog catalog(*store, keys);
        co_await catalog.refresh();
        found = catalog.segments();
        co_await store.async_drop();
    }
};

}  // namespace demofs::tree::test
