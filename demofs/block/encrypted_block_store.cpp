#include "demofs/block/encrypted_block_store.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <stdexcept>
#include <utility>

#include "demofs/base/error.hpp"

namespace demofs::block {
namespace {

// Batches encrypted inline grow; starting with this much room, a small commit never copies.
constexpr std::size_t small_batch_bytes = 64u << 10;

std::size_t stored_size(const PlainBlock& block) {
    return block.end() - block.begin();
}

}  // namespace

asyncdrop::AsyncDropBox<EncryptedBlockStore> EncryptedBlockStore::make(
    boost::asio::any_io_executor executor, store::ObjectStore& store, WorkerPool& pool,
    SegmentCatalog& catalog, SegmentLog& log, BlockSettings settings) {
    return asyncdrop::make_box<EncryptedBlockStore>(std::move(executor), store, pool, catalog, log, settings);
}

EncryptedBlockStore::EncryptedBlockStore(asyncdrop::Passkey<EncryptedBlockStore>,
                                         boost::asio::any_io_executor executor, store::ObjectStore& store,
                                         WorkerPool& pool, SegmentCatalog& catalog, SegmentLog& log,
                                         BlockSettings settings)
    : executor_(std::move(executor)),
      pool_(pool),
      log_(log),
      settings_(settings),
      reader_(store, pool, catalog, settings) {
    if (settings.ready_limit_bytes < settings.write_start_bytes)
        throw std::invalid_argument("The encrypter would wait for a writer that waits for more.");
}

EncryptedBlockStore::~EncryptedBlockStore() = default;

BlockAddress EncryptedBlockStore::append(const BlockHeader& header, SharedBytes payload,
                                         Placement placement) {
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

    unsynced_.emplace(address, Unsynced{header.kind, block.payload});
    unsynced_order_.push_back(address);
    unsynced_bytes_ += address.stored_bytes();
    plain_bytes_ += stored_size(block);
    plain_.push_back(std::move(block));
    ++appended_;
    if (should_encrypt()) start_encrypting();
    return address;
}

// --- encrypting ----------------------------------------------------------------------------------

bool EncryptedBlockStore::should_encrypt() const {
    if (error_ || plain_.empty()) return false;
    if (ready_bytes_ >= settings_.ready_limit_bytes) return false;  // the writer wakes the encrypter
    return plain_bytes_ >= settings_.write_start_bytes || flush_to_ > encrypted_;
}

void EncryptedBlockStore::start_encrypting() {
    if (encrypting_) return;
    encrypting_ = true;
    boost::asio::co_spawn(executor_, encrypt_loop(), boost::asio::detached);
}

// The longest run of plain blocks that fits into one batch; at least one block.
std::vector<PlainBlock> EncryptedBlockStore::take_plain(std::size_t limit_bytes) {
    std::vector<PlainBlock> run;
    std::size_t bytes = 0;
    while (!plain_.empty()) {
        PlainBlock& next = plain_.front();
        const std::size_t next_bytes = stored_size(next);
        if (!run.empty() &&
            (next.slot.segment != run.front().slot.segment || bytes + next_bytes > limit_bytes))
            break;
        bytes += next_bytes;
        run.push_back(std::move(next));
        plain_.pop_front();
    }
    plain_bytes_ -= bytes;
    return run;
}

// Encrypts all of plain_ here and now; the encrypter must not be running.
void EncryptedBlockStore::encrypt_inline() {
    while (!plain_.empty()) {
        const bool extend =
            !ready_.empty() && ready_.back().batch.accepts(plain_.front(), settings_.batch_bytes);
        const std::size_t room =
            extend ? settings_.batch_bytes - ready_.back().batch.bytes().size() : settings_.batch_bytes;
        const std::vector<PlainBlock> blocks = take_plain(room);
        if (!extend) {
            const std::size_t needed = blocks.back().end() - blocks.front().begin();
            ready_.push_back({Batch(blocks.front(), std::max(needed, small_batch_bytes)), 0});
        }
        Ready& ready = ready_.back();
        const std::size_t size_before = ready.batch.bytes().size();
        const std::size_t tags_before = ready.batch.tags().size();
        ready.batch.encrypt(blocks);
        ready_bytes_ += ready.batch.bytes().size() - size_before;
        encrypted(blocks, ready.batch, tags_before);
        ready.last = encrypted_;
    }
}

// Accounts for blocks that were encrypted as the last ones of `batch`, for the digest.
void EncryptedBlockStore::encrypted(const std::vector<PlainBlock>& blocks, const Batch& batch,
                                    std::size_t first_tag) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const PlainBlock& block = blocks[i];
        const SegmentId& segment = block.slot.segment->id;
        if (digest_ranges_.empty() || digest_ranges_.back().segment != segment)
            digest_ranges_.push_back({segment, block.slot.offset, block.end()});
        digest_ranges_.back().end = block.end();
        digest_tags_.add(batch.tags()[first_tag + i]);
    }
    encrypted_ += blocks.size();
}

boost::asio::awaitable<void> EncryptedBlockStore::encrypt_loop() {
    try {
        while (should_encrypt()) {
            if (plain_bytes_ < settings_.inline_crypto_bytes) {
                encrypt_inline();
            } else {
                co_await encrypt_on_worker();
            }
            start_writing();
            progress_.wake_all();
        }
    } catch (...) {
        fail(std::current_exception());
    }
    encrypting_ = false;
    progress_.wake_all();
}

boost::asio::awaitable<void> EncryptedBlockStore::encrypt_on_worker() {
    const std::vector<PlainBlock> blocks = take_plain(settings_.batch_bytes);
    Batch batch(blocks.front(), blocks.back().end() - blocks.front().begin());
    const auto job = [&batch, &blocks] { batch.encrypt(blocks); };
    co_await pool_.run(job);
    encrypted(blocks, batch, 0);
    ready_bytes_ += batch.bytes().size();
    ready_.push_back({std::move(batch), encrypted_});
}

// Lets everything up to `position` be encrypted; at once if that is little.
void EncryptedBlockStore::flush(std::uint64_t position) {
    flush_to_ = std::max(flush_to_, position);
    if (encrypting_ || plain_.empty()) return;
    if (plain_bytes_ < settings_.inline_crypto_bytes) {
        encrypt_inline();
    } else {
        start_encrypting();
    }
}

boost::asio::awaitable<LogDigest> EncryptedBlockStore::digest() {
    throw_if_failed();
    const std::uint64_t target = appended_;
    try {
        flush(target);
    } catch (...) {
        fail(std::current_exception());
    }
    while (encrypted_ < target && !error_) co_await progress_.wait();
    throw_if_failed();
    LogDigest digest;
    digest.ranges = std::exchange(digest_ranges_, {});
    digest.tags_hash = digest_tags_.take();
    co_return digest;
}

// --- reading -------------------------------------------------------------------------------------

SharedBytes EncryptedBlockStore::unsynced(const BlockAddress& address, BlockKind kind) const {
    const auto found = unsynced_.find(address);
    if (found == unsynced_.end()) return {};
    if (found->second.kind != kind)
        throw Error(Errc::corrupt, "The block at offset " + std::to_string(address.offset) + " of " +
                                       describe(address.segment) + " is not of the kind it should be.");
    return found->second.payload;
}

SharedBytes EncryptedBlockStore::try_read(const BlockAddress& address) {
    const auto found = unsynced_.find(address);
    return found == unsynced_.end() ? SharedBytes() : found->second.payload;
}

boost::asio::awaitable<SharedBytes> EncryptedBlockStore::read(BlockAddress address, BlockKind kind) {
    if (SharedBytes payload = unsynced(address, kind)) co_return payload;
    co_return co_await reader_.read(address, kind);
}

boost::asio::awaitable<std::vector<SharedBytes>> EncryptedBlockStore::read_many(
    std::vector<BlockAddress> addresses, BlockKind kind) {
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

// --- end -----------------------------------------------------------------------------------------

void EncryptedBlockStore::throw_if_failed() const {
    if (error_) throw Error(failure_code_, failure_);
}

// The first error stays. What waits to be written is given up; it can still be read.
void EncryptedBlockStore::fail(std::exception_ptr error) noexcept {
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

boost::asio::awaitable<void> EncryptedBlockStore::async_drop_impl() {
    closing_ = true;
    if (!error_ && synced_ < appended_) request_sync();
    while (encrypting_ || writing_ || (!error_ && synced_ < appended_)) co_await progress_.wait();
    co_await reader_.idle();
    if (error_ && synced_ < appended_)
        throw Error(failure_code_, failure_ + " (" + std::to_string(appended_ - synced_) + " blocks lost)");
}

}  // namespace demofs::block
