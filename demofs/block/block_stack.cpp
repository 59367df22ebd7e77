// The order in which the layer is built, and taken down: users first.
#include "demofs/block/block_stack.hpp"

#include <asyncdrop/drop_in_order.hpp>
#include <utility>

namespace demofs::block {

boost::asio::awaitable<void> BlockStack::async_drop_impl() {
    return asyncdrop::drop_in_order(cached, pipeline, log);
}

BlockStack make_block_stack(boost::asio::any_io_executor executor, store::ObjectStore& store,
                            WorkerPool& pool, const crypto::VaultKeys& keys, SegmentCatalog& catalog,
                            BlockSettings settings, Origin origin) {
    BlockStack stack;
    stack.log = SegmentLog::make(store, keys, catalog, settings, origin, catalog.next_sequence());
    stack.pipeline = WritePipeline::make(std::move(executor), store, pool, catalog, *stack.log, settings);
    stack.cached = CachedBlockStore::make(*stack.pipeline, settings.cache_bytes);
    return stack;
}

}  // namespace demofs::block
