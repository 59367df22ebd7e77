// Builds the block layer on an object store: segment log, write pipeline, cache.
#pragma once

#include <asyncdrop/box.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "demofs/block/cached_block_store.hpp"
#include "demofs/block/segment_catalog.hpp"
#include "demofs/block/segment_log.hpp"
#include "demofs/block/write_pipeline.hpp"

namespace demofs::block {

/// The parts, in the order in which they are dropped. A mount takes them apart into its teardown graph;
/// others adopt the whole: `AsyncDropGuard<BlockStack>::adopt(make_block_stack(…))`.
struct BlockStack {
    asyncdrop::AsyncDropBox<CachedBlockStore> cached;
    asyncdrop::AsyncDropBox<WritePipeline> pipeline;  ///< used by cached
    asyncdrop::AsyncDropBox<SegmentLog> log;          ///< used by pipeline

    boost::asio::awaitable<void> async_drop_impl();
};

/// Makes a stack for one session, whose segments are numbered above those that `catalog` lists; writes
/// nothing. `executor` is the core thread's. Store, pool, keys and catalog must outlive the stack's drop.
[[nodiscard]] BlockStack make_block_stack(boost::asio::any_io_executor executor, store::ObjectStore& store,
                                          WorkerPool& pool, const crypto::VaultKeys& keys,
                                          SegmentCatalog& catalog, BlockSettings settings, Origin origin);

}  // namespace demofs::block
