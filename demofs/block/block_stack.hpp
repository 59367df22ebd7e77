// Builds the block layer on an object store: catalog, log, encryption, cache.
#pragma once

#include <asyncdrop/box.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "demofs/block/cached_block_store.hpp"
#include "demofs/block/encrypted_block_store.hpp"
#include "demofs/block/segment_catalog.hpp"
#include "demofs/block/segment_log.hpp"

namespace demofs::block {

/// The parts, in the order in which they are dropped. A mount takes them apart into its teardown graph;
/// others adopt the whole: `AsyncDropGuard<BlockStack>::adopt(co_await open_block_stack(…))`.
struct BlockStack {
    asyncdrop::AsyncDropBox<CachedBlockStore> cached;
    asyncdrop::AsyncDropBox<EncryptedBlockStore> encrypted;  ///< used by cached
    asyncdrop::AsyncDropBox<SegmentLog> log;                 ///< used by encrypted
    std::unique_ptr<SegmentCatalog> catalog;                 ///< used by encrypted and log; needs no cleanup

    boost::asio::awaitable<void> async_drop_impl();
};

/// Lists the store and makes a stack for one session; writes nothing. `executor` is the core thread's; store,
/// pool and keys must outlive the stack's drop.
[[nodiscard]] boost::asio::awaitable<BlockStack> open_block_stack(boost::asio::any_io_executor executor,
                                                                  store::ObjectStore& store, WorkerPool& pool,
                                                                  const crypto::VaultKeys& keys,
                                                                  BlockSettings settings, SessionId session);

}  // namespace demofs::block
