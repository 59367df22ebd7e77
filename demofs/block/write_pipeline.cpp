// The two ends of the pipeline: where blocks enter it and are read as long as they are in it, and how it
// fails and closes. What lies between is in write_pipeline_encrypting.cpp and write_pipeline_writing.cpp.
#include "demofs/block/write_pipeline.hpp"

#include <stdexcept>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"

namespace demofs::block {

asyncdrop::AsyncDropBox<WritePipeline> WritePipeline::make(boost::asio::any_io_executor executor,
                                                           store::ObjectStore& store, WorkerPool& pool,
                                                           SegmentCatalog& catalog, SegmentLog& log,
                                                           BlockSettings settings) {
    return asyncdrop::make_box<WritePipeline>(std::move(executor), store, pool, catalog, log, settings);
}

WritePipeline::WritePipeline(asyncdrop::Passkey<WritePipeline>, boost::asio::any_io_executor executor,
                             store::ObjectStore& store, WorkerPool& pool, SegmentCatalog& catalog,
                             SegmentLog& log, BlockSettings settings)
    : executor_(std::move(executor)),
      pool_(pool),
      log_(log),
      settings_(settings),
      reader_(store, pool, catalog, settings) {
    if (settings.ready_limit_bytes < settings.write_start_bytes)
        throw std::invalid_argument("The encrypter would wait for a writer that waits for more.");
}

WritePipeline::~WritePipeline() = default;

BlockAddress WritePipeline::append(const BlockHeader& header, SharedBytes payload, Placement placement) {
    throw_if_failed();
    if (closing_) throw Error(Errc::closed, "The block store is closing and takes no more blocks.");
    if (payload.size() > max_block_payload_bytes)
        throw std::invalid_argument("A block is larger than 1 MiB.");

    PlainBlock block;
    block.slot = log_.reserve(static_cast<std::uint32_t>(payload.size()), placement);
    block.header = header;
    block.payload = payload ? std::move(payload) : SharedBytes::copy_of({});
    BlockAddress address;
    address.segment = block.slot.segment->id;
    address.offset = block.slot.offset;
    address.payload_bytes = static_cast<std::uint32_t>(block.payload.size());

    // Readable at once: until a sync covers it, the block is served from here.
    const bool fresh = unsynced_.emplace(address, Unsynced{header.kind, block.payload}).second;
    invariant(fresh, "An address is given out once.");
    unsynced_order_.push_back(address);
    unsynced_bytes_ += address.stored_bytes();
    plain_bytes_ += block.stored_bytes();
    plain_.push_back(std::move(block));
    ++appended_;
    start_encrypting();
    return address;
}

// --- reading -------------------------------------------------------------------------------------

SharedBytes WritePipeline::unsynced(const BlockAddress& address, BlockKind kind) const {
    const auto found = unsynced_.find(address);
    if (found == unsynced_.end()) return {};
    if (found->second.kind != kind) throw_wrong_kind(address);
    return found->second.payload;
}

SharedBytes WritePipeline::try_read(const BlockAddress& address) {
    const auto found = unsynced_.find(address);
    return found == unsynced_.end() ? SharedBytes() : found->second.payload;
}

boost::asio::awaitable<SharedBytes> WritePipeline::read(BlockAddress address, BlockKind kind) {
    if (SharedBytes payload = unsynced(address, kind)) co_return payload;
    co_return co_await reader_.read(address, kind);
}

boost::asio::awaitable<std::vector<SharedBytes>> WritePipeline::read_many(std::vector<BlockAddress> addresses,
                                                                          BlockKind kind) {
    std::vector<SharedBytes> payloads(addresses.size());
    std::vector<BlockAddress> stored;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        payloads[i] = unsynced(addresses[i], kind);
        if (payloads[i]) continue;
        stored.push_back(addresses[i]);
        places.push_back(i);
    }
    if (stored.empty()) co_return payloads;
    std::vector<SharedBytes> read = co_await reader_.read_many(std::move(stored), kind);
    for (std::size_t i = 0; i < places.size(); ++i) payloads[places[i]] = std::move(read[i]);
    co_return payloads;
}

boost::asio::awaitable<SharedBytes> WritePipeline::read_part(BlockPart part, BlockKind kind) {
    if (SharedBytes payload = unsynced(part.block, kind)) co_return payload.slice(part.offset, part.length);
    co_return co_await reader_.read_part(part);
}

// --- end -----------------------------------------------------------------------------------------

void WritePipeline::throw_if_failed() const {
    if (error_) throw Error(failure_code_, failure_);
}

// The first error stays: what comes after it is its consequence. What waits to be written is given up, since
// the log must have no holes; it can still be read.
void WritePipeline::fail(std::exception_ptr error) noexcept {
    if (!error_) {
        error_ = std::move(error);
        failure_code_ = write_failure(error_);
        failure_ =
            "Nothing can be written any more, because an earlier write failed: " + demofs::describe(error_);
    }
    plain_.clear();
    plain_bytes_ = 0;
    ready_.clear();
    ready_bytes_ = 0;
    sync_points_.clear();
    progress_.wake_all();
}

boost::asio::awaitable<void> WritePipeline::async_drop_impl() {
    closing_ = true;  // nothing more enters, so the loops come to an end
    if (!error_ && synced_ < appended_) request_sync();
    while (!encrypting_.empty() || writing_ || (!error_ && synced_ < appended_)) co_await progress_.wait();
    co_await reader_.idle();
    if (error_ && synced_ < appended_)
        throw Error(failure_code_, failure_ + " (" + std::to_string(appended_ - synced_) + " blocks lost)");
}

}  // namespace demofs::block
