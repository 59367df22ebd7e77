// The first half of WritePipeline's way: from blocks as they were appended to batches ready to be written.
//
// Encryption runs behind the appends, in their order, and only when it pays: what is little is done inline in
// one go (a hop to a worker costs more), what is much goes to a worker, a batch at a time. It stops while
// enough is ready that the writer has not taken; the writer wakes it.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "demofs/base/invariant.hpp"
#include "demofs/block/write_pipeline.hpp"

namespace demofs::block {
namespace {

// Batches encrypted inline grow; starting with this much room, a small commit never copies.
constexpr std::size_t small_batch_bytes = 64u << 10;

}  // namespace

bool WritePipeline::should_encrypt() const {
    if (error_ || plain_.empty()) return false;
    if (ready_bytes_ >= settings_.ready_limit_bytes) return false;  // the writer wakes the encrypter
    return plain_bytes_ >= settings_.write_start_bytes || encrypt_to_ > encrypted_;
}

void WritePipeline::start_encrypting() {
    if (encrypting_) return;
    encrypting_ = true;
    boost::asio::co_spawn(executor_, encrypt_loop(), boost::asio::detached);
}

// The longest run of plain blocks, each right behind the one before, that fits into one batch; at least one
// block. Where a sync has ended a page the next block starts on a later boundary, so the run ends there too:
// the log writes filler between them.
std::vector<PlainBlock> WritePipeline::take_plain(std::size_t limit_bytes) {
    std::vector<PlainBlock> run;
    std::size_t bytes = 0;
    while (!plain_.empty()) {
        PlainBlock& next = plain_.front();
        const std::size_t next_bytes = next.stored_bytes();
        if (!run.empty() && (next.slot.segment != run.front().slot.segment ||
                             next.begin() != run.back().end() || bytes + next_bytes > limit_bytes))
            break;
        bytes += next_bytes;
        run.push_back(std::move(next));
        plain_.pop_front();
    }
    plain_bytes_ -= bytes;
    return run;
}

// Encrypts all of plain_ here and now; the encrypter must not be running.
void WritePipeline::encrypt_inline() {
    while (!plain_.empty()) {
        // A small commit arrives in pieces (data, nodes, record); as one batch it is one write.
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

// Accounts for blocks that were encrypted as the last ones of `batch`. The digest is made here because tags
// exist from here on, and because encryption is in the order of the log.
void WritePipeline::encrypted(const std::vector<PlainBlock>& blocks, const Batch& batch,
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
    invariant(encrypted_ <= appended_, "What is encrypted was appended.");
}

boost::asio::awaitable<void> WritePipeline::encrypt_loop() {
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

boost::asio::awaitable<void> WritePipeline::encrypt_on_worker() {
    // Both live in this frame until the worker is done: an accepted job always ends before its caller goes
    // on.
    const std::vector<PlainBlock> blocks = take_plain(settings_.batch_bytes);
    Batch batch(blocks.front(), blocks.back().end() - blocks.front().begin());
    const auto job = [&batch, &blocks] { batch.encrypt(blocks); };
    co_await pool_.run(job);
    encrypted(blocks, batch, 0);
    ready_bytes_ += batch.bytes().size();
    ready_.push_back({std::move(batch), encrypted_});
}

// Lets everything up to `position` be encrypted, however little it is; at once if it is little.
void WritePipeline::encrypt_up_to(std::uint64_t position) {
    encrypt_to_ = std::max(encrypt_to_, position);
    if (encrypting_ || plain_.empty()) return;
    if (plain_bytes_ < settings_.inline_crypto_bytes) {
        encrypt_inline();
    } else {
        start_encrypting();
    }
}

boost::asio::awaitable<LogDigest> WritePipeline::digest() {
    throw_if_failed();
    const std::uint64_t target = appended_;
    try {
        encrypt_up_to(target);
    } catch (...) {
        fail(std::current_exception());
    }
    while (encrypted_ < target && !error_) co_await progress_.wait();
    throw_if_failed();
    // Blocks appended since the call may be in it as well: the caller appends its record without suspending,
    // behind all of them.
    LogDigest digest;
    digest.ranges = std::exchange(digest_ranges_, {});
    digest.tags_hash = digest_tags_.take();
    co_return digest;
}

}  // namespace demofs::block
