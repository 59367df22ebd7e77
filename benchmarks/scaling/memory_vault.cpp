#include "benchmarks/scaling/memory_vault.hpp"

#include <asyncdrop/drop_in_order.hpp>

#include "demofs/base/random.hpp"
#include "demofs/block/log_reader.hpp"
#include "demofs/store/testing/memory_object_store.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/recovery.hpp"

namespace demofs::fs::bench {

MemoryVault::MemoryVault() : keys_(crypto::MasterKey::random(), {}, crypto::Cipher::aes_256_gcm) {
    mount();
}

MemoryVault::~MemoryVault() {
    unmount();
}

void MemoryVault::mount() {
    finish(open());
}

void MemoryVault::unmount() {
    finish(close());
}

void MemoryVault::finish(boost::asio::awaitable<void> coroutine) {
    std::exception_ptr error;
    boost::asio::co_spawn(context_, std::move(coroutine),
                          [&](std::exception_ptr failure) { error = failure; });
    context_.restart();
    context_.run();
    if (error) std::rethrow_exception(error);
}

boost::asio::awaitable<void> MemoryVault::open() {
    const boost::asio::any_io_executor executor = context_.get_executor();
    pool_ = WorkerPool::make(1);
    store::MemoryStoreOptions options;
    options.always_suspend = false;
    asyncdrop::AsyncDropBox<store::ObjectStore> memory = store::MemoryObjectStore::open(disk_, options);
    store_ = store::CountingObjectStore::make(std::move(memory), counters_);
    SessionId session;
    fill_random(session.bytes);
    catalog_ = std::make_unique<block::SegmentCatalog>(*store_, keys_);
    co_await catalog_->refresh();
    block::LogReader reader(*store_, *catalog_);
    tree::RecoverySettings recovery;
    tree::Recovered recovered = co_await tree::recover(reader, recovery);
    const block::BlockSettings block_settings;
    block::Origin origin(session);
    if (recovered.record) origin.base = recovered.record->id();
    stack_ = block::make_block_stack(executor, *store_, *pool_, keys_, *catalog_, block_settings, origin);
    tree::TreeSettings tree_settings;
    tree_settings.session = session;
    tree_settings.seen_generation = recovered.seen_generation;
    const bool fresh = recovered.record == nullptr;
    tree_ = tree::Tree::make(tree_settings, *stack_.cached, std::move(recovered.record));
    if (fresh) co_await Filesystem::format(*tree_, 0, 0);
    const FilesystemSettings settings;
    const NameHash hash = [this](std::string_view name) { return keys_.siphash(as_bytes(name)); };
    fs_ = Filesystem::make(settings, *tree_, *store_, hash, executor);
}

boost::asio::awaitable<void> MemoryVault::close() {
    return asyncdrop::drop_in_order(fs_, tree_, stack_.cached, stack_.pipeline, stack_.log, store_, pool_);
}

InodeNumber MemoryVault::make(InodeNumber parent, std::string name, std::uint32_t mode) {
    Create create;
    create.parent = parent;
    create.name = std::move(name);
    create.mode = mode;
    return run(create).inode;
}

void MemoryVault::remove(InodeNumber parent, std::string name) {
    Unlink unlink;
    unlink.parent = parent;
    unlink.name = std::move(name);
    run(unlink);
}

void MemoryVault::write(InodeNumber inode, std::uint64_t offset, ByteSpan data) {
    auto reply = fs_->try_write(inode, offset, data, Timestamp{});
    if (!reply) reply.emplace(await(fs_->write(inode, offset, SharedBytes::copy_of(data), Timestamp{})));
    static_cast<void>(reply->value());
}

void MemoryVault::read(InodeNumber inode, std::uint64_t offset, std::size_t size) {
    auto reply = fs_->try_read(inode, offset, size);
    if (!reply) reply.emplace(await(fs_->read(inode, offset, size)));
    static_cast<void>(reply->value());
}

void MemoryVault::commit() {
    static_cast<void>(await(fs_->sync_all()).value());
}

}  // namespace demofs::fs::bench
