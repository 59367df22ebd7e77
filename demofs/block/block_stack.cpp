#include "demofs/block/block_stack.hpp"

#include <asyncdrop/drop_in_order.hpp>
#include <utility>

namespace demofs::block {

boost::asio::awaitable<void> BlockStack::async_drop_impl() {
    return asyncdrop::drop_in_order(cached, encrypted, log);
}

boost::asio::awaitable<BlockStack> open_block_stack(boost::asio::any_io_executor executor,
                                                    store::ObjectStore& store, WorkerPool& pool,
                                                    const crypto::VaultKeys& keys, BlockSettings settings,
                                                    SessionId session) {
    auto catalog = std::make_unique<SegmentCatalog>(store, keys);
    const SegmentList list = co_await catalog->list();
    BlockStack stack;
    stack.catalog = std::move(catalog);
    stack.log = SegmentLog::make(store, keys, *stack.catalog, settings, session, list.next_sequence());
    stack.encrypted =
        EncryptedBlockStore::make(std::move(executor), store, pool, *stack.catalog, *stack.log, settings);
    stack.cached = CachedBlockStore::make(*stack.encrypted, settings.cache_bytes);
    co_return stack;
}

}  // namespace demofs::block
