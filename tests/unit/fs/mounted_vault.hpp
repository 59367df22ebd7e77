// A vault in memory that tests mount, use with plain function calls, unmount, crash, and mount again.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <asyncdrop/drop_in_order.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "demofs/base/error.hpp"
#include "demofs/base/random.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/block/block_stack.hpp"
#include "demofs/block/log_reader.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/fs/filesystem.hpp"
#include "demofs/store/fault_object_store.hpp"
#include "demofs/store/testing/counting_object_store.hpp"
#include "demofs/store/testing/memory_object_store.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/recovery.hpp"
#include "demofs/tree/tree.hpp"
#include "tests/support/run_coroutine.hpp"
#include "tests/unit/fs/consistency.hpp"

namespace demofs::fs::test {

namespace asio = boost::asio;

inline std::string text_of(std::size_t size, char c) {
    return std::string(size, c);
}

inline crypto::VaultKeys test_keys() {
    const Bytes key(crypto::master_key_bytes, std::byte{7});
    crypto::VaultId vault{};
    vault[0] = std::byte{42};
    return crypto::VaultKeys(crypto::MasterKey(crypto::SecretBytes::copy_of(key)), vault,
                             crypto::Cipher::aes_256_gcm);
}

// What outlives a mount.
struct Vault {
    asio::io_context context;
    crypto::VaultKeys keys = test_keys();
    std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
    store::MemoryStoreOptions store_options;
    std::shared_ptr<store::FaultPlan> faults;  // none unless a test sets it
    std::shared_ptr<store::StoreCounters> counters = std::make_shared<store::StoreCounters>();
    block::BlockSettings block_settings;
    tree::TreeSettings tree_settings{.check_before_commit = true};
    FilesystemSettings fs_settings;
    std::vector<std::string> problems;
    bool start_background = false;
    bool may_be_damaged = false;
    tree::RecoverySettings recovery;  // what mounts know, and accept
    std::size_t waits = 0;            // operations that could not be answered at once, over all mounts
};

// Operations on a mounted vault as plain calls. Each is tried synchronously first, like a server does.
class Mount {
  public:
    explicit Mount(Vault& vault) : vault_(vault) { test_support::run_coroutine(vault.context, open()); }
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;
    ~Mount() {
        if (fs_) unmount();
    }

    // Takes everything down; the error of the drops, if there was one.
    std::exception_ptr unmount() {
        try {
            test_support::run_coroutine(vault_.context, close());
        } catch (...) {
            return std::current_exception();
        }
        return nullptr;
    }

    Filesystem& fs() { return *fs_; }
    tree::Tree& tree() { return *tree_; }
    Vault& vault() { return vault_; }

    template <class T>
    T await(asio::awaitable<T> coroutine) {
        return test_support::run_coroutine(vault_.context, std::move(coroutine));
    }
    // Lets background work run until `done`.
    template <class F>
    void run_until(F done) {
        vault_.context.restart();
        while (!done()) {
            if (vault_.context.run_one() == 0)
                throw std::logic_error("Nothing runs that could make it true.");
        }
    }

    template <class Operation>
    Result<typename Operation::Reply> run(const Operation& operation) {
        auto reply = fs_->try_run(operation);
        if (reply) return *reply;
        ++vault_.waits;
        return await(fs_->run(operation));
    }

    Timestamp now() { return {1000 + ++clock_, 5}; }

    Result<Attributes> lookup(InodeNumber parent, std::string name) {
        return run(Lookup{parent, std::move(name)});
    }
    Result<Attributes> stat(InodeNumber inode) { return run(GetAttributes{inode}); }

    Result<Attributes> make(InodeNumber parent, std::string name, std::uint32_t mode,
                            std::string target = {}) {
        Create create;
        create.parent = parent;
        create.name = std::move(name);
        create.mode = mode;
        create.uid = 10;
        create.gid = 20;
        create.target = std::move(target);
        create.now = now();
        return run(create);
    }
    InodeNumber file(InodeNumber parent, std::string name) {
        return make(parent, std::move(name), S_IFREG | 0644).value().inode;
    }
    InodeNumber directory(InodeNumber parent, std::string name) {
        return make(parent, std::move(name), S_IFDIR | 0755).value().inode;
    }

    Result<Nothing> unlink(InodeNumber parent, std::string name) {
        return run(Unlink{parent, std::move(name), Unlink::Of::file, now()});
    }
    Result<Nothing> rmdir(InodeNumber parent, std::string name) {
        return run(Unlink{parent, std::move(name), Unlink::Of::directory, now()});
    }
    Result<Nothing> rename(InodeNumber old_parent, std::string old_name, InodeNumber new_parent,
                           std::string new_name, bool no_replace = false, bool exchange = false) {
        return run(Rename{old_parent, std::move(old_name), new_parent, std::move(new_name), no_replace,
                          exchange, now()});
    }
    Result<Attributes> link(InodeNumber inode, InodeNumber parent, std::string name) {
        return run(Link{inode, parent, std::move(name), now()});
    }
    Result<Attributes> truncate(InodeNumber inode, std::uint64_t size) {
        SetAttributes set;
        set.inode = inode;
        set.set_size = true;
        set.size_bytes = size;
        set.now = now();
        return run(set);
    }

    Result<std::size_t> write(InodeNumber inode, std::uint64_t offset, ByteSpan data) {
        const Timestamp time = now();
        auto reply = fs_->try_write(inode, offset, data, time);
        if (reply) return *reply;
        ++vault_.waits;
        return await(fs_->write(inode, offset, SharedBytes::copy_of(data), time));
    }
    Result<std::size_t> write(InodeNumber inode, std::uint64_t offset, std::string_view text) {
        return write(inode, offset, as_bytes(text));
    }

    Result<std::string> read(InodeNumber inode, std::uint64_t offset, std::size_t size) {
        auto reply = fs_->try_read(inode, offset, size);
        if (!reply) {
            ++vault_.waits;
            reply = await(fs_->read(inode, offset, size));
        }
        if (!*reply) return reply->error();
        std::string text;
        for (const SharedBytes& piece : (*reply)->pieces) text += as_text(piece);
        EXPECT_EQ(text.size(), (*reply)->size_bytes);
        return text;
    }
    std::string content(InodeNumber inode) {
        return read(inode, 0, static_cast<std::size_t>(stat(inode).value().size_bytes)).value();
    }

    Result<Nothing> sync(InodeNumber inode) { return await(fs_->sync(inode)); }
    Result<Nothing> sync_all() { return await(fs_->sync_all()); }

    HandleId open_file(InodeNumber inode) {
        auto handle = fs_->try_open(inode);
        if (!handle) handle = await(fs_->open(inode));
        return handle->value();
    }

    // All names of a directory, "." and ".." too, read `limit` at a time.
    std::vector<std::string> names(InodeNumber directory, std::size_t limit = 100) {
        std::vector<std::string> found;
        for (std::uint64_t after = 0;;) {
            const auto entries = run(ReadDirectory{directory, after, limit, false}).value();
            for (const DirectoryEntry& entry : entries) found.push_back(entry.name);
            if (entries.empty()) return found;
            after = entries.back().cookie;
        }
    }

    // Contradictions in the tree as it stands, buffered content excepted.
    std::vector<std::string> contradictions() {
        const std::vector<StoredEntry> entries = await(entries_of(*tree_));
        return find_contradictions(entries);
    }
    std::vector<StoredEntry> entries() { return await(entries_of(*tree_)); }

  private:
    asio::awaitable<void> open() {
        const asio::any_io_executor executor = vault_.context.get_executor();
        pool_ = WorkerPool::make(1);
        asyncdrop::AsyncDropBox<store::ObjectStore> memory =
            store::MemoryObjectStore::open(vault_.disk, vault_.store_options);
        if (vault_.faults) memory = with_faults(std::move(memory));
        store_ = store::CountingObjectStore::make(std::move(memory), vault_.counters);
        std::exception_ptr error;
        try {
            co_await open_above(executor);
        } catch (...) {
            error = std::current_exception();
        }
        if (error) {
            co_await close_quietly();
            std::rethrow_exception(error);
        }
    }

    asyncdrop::AsyncDropBox<store::ObjectStore> with_faults(
        asyncdrop::AsyncDropBox<store::ObjectStore> memory) {
        return store::FaultObjectStore::make(std::move(memory), vault_.faults);
    }

    asio::awaitable<void> open_above(asio::any_io_executor executor) {
        SessionId session;
        fill_random(session.bytes);
        catalog_ = std::make_unique<block::SegmentCatalog>(*store_, vault_.keys);
        co_await catalog_->refresh();
        block::LogReader reader(*store_, *catalog_);
        tree::Recovered recovered = co_await tree::recover(reader, vault_.recovery);
        const bool well = recovered.verdict <= tree::Verdict::crash_tail;
        if (!well && (!recovered.record || !vault_.may_be_damaged))
            throw Error(Errc::vault_damaged, recovered.why);
        EXPECT_TRUE(!recovered.damaged_blocks || vault_.may_be_damaged);
        block::Origin origin(session);
        if (recovered.record) origin.base = recovered.record->id();
        stack_ = block::make_block_stack(executor, *store_, *pool_, vault_.keys, *catalog_,
                                         vault_.block_settings, origin);
        tree::TreeSettings tree_settings = vault_.tree_settings;
        tree_settings.session = session;
        tree_settings.seen_generation = recovered.seen_generation;
        const bool fresh = recovered.record == nullptr;
        tree_ = tree::Tree::make(tree_settings, *stack_.cached, std::move(recovered.record));
        if (fresh) co_await Filesystem::format(*tree_, 10, 20);
        FilesystemSettings settings = vault_.fs_settings;
        settings.on_problem = [this](std::string text) { vault_.problems.push_back(std::move(text)); };
        const NameHash hash = [this](std::string_view name) { return vault_.keys.siphash(as_bytes(name)); };
        fs_ = Filesystem::make(settings, *tree_, *store_, hash, executor);
        if (vault_.start_background) fs_->start();
    }

    asio::awaitable<void> close_quietly() {
        try {
            co_await close();
        } catch (...) {
        }
    }

    asio::awaitable<void> close() {
        return asyncdrop::drop_in_order(fs_, tree_, stack_.cached, stack_.pipeline, stack_.log, store_,
                                        pool_);
    }

    Vault& vault_;
    std::int64_t clock_ = 0;
    asyncdrop::AsyncDropBox<WorkerPool> pool_;
    asyncdrop::AsyncDropBox<store::ObjectStore> store_;
    std::unique_ptr<block::SegmentCatalog> catalog_;  // of a mount, until the next one
    block::BlockStack stack_;
    asyncdrop::AsyncDropGuard<tree::Tree> tree_;
    asyncdrop::AsyncDropGuard<Filesystem> fs_;
};

}  // namespace demofs::fs::test
