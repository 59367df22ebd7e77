// Reads a vault's segments block by block and collects what their headers tell.
//
// Threads: the core thread, decrypting there. Reads everything once, in pieces of 1 MiB; changes nothing.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>

#include "demofs/block/segment_catalog.hpp"
#include "demofs/fs/salvage/found_blocks.hpp"
#include "demofs/store/object_store.hpp"

namespace demofs::fs {

/// Searches all segments that `catalog` lists. What is damaged or missing is passed over and counted; throws
/// only if memory is short or the store cannot be listed. `on_progress` is told now and then what was found
/// so far. All arguments must outlive the call.
[[nodiscard]] boost::asio::awaitable<FoundBlocks> find_blocks(
    store::ObjectStore& store, block::SegmentCatalog& catalog,
    const std::function<void(const FoundBlocks&)>& on_progress);

}  // namespace demofs::fs
