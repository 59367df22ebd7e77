// The first half of WritePipeline's way: from blocks as they were appended to batches ready to be written.
//
// Encryption runs behind the appends, and only when it pays: what is little is done inline in one go (a hop to a
// worker costs more), what is much goes to the workers, a batch to each that is idle. Batches may be finished in
// any order and leave in that of the log. It stops while enough is ready that the writer has not taken; the
// writer wakes it.
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
    if (ready_bytes_ + encrypting_bytes_ >= settings_.ready_limit_bytes) return false;  // the writer wakes it
    const std::uint64_t taken = appended_ - plain_.size();
    return plain_bytes_ >= settings_.write_start_bytes || encrypt_to_ > taken;
}

void WritePipeline::start_encrypting() noexcept {
    try {
        while (should_encrypt()) {
            if (plain_bytes_ >= settings_.inline_crypto_bytes) {
                if (encrypting_.size() >= pool_.size()) return;
                encrypt_on_worker();
            } else {
                if (!encrypting_.empty()) return;  // its turn is behind them
                encrypt_inline();
                start_writing();
                progress_.wake_all();
            }
        }
    } catch (...) {
        fail(std::current_exception());
    }
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

// Encrypts all of plain_ here and now; nothing may be on a worker.
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

void WritePipeline::encrypt_on_worker() {
    Encrypting& work = encrypting_.emplace_back(take_plain(settings_.batch_bytes));
    encrypting_bytes_ += work.size_bytes();
    try {
        boost::asio::co_spawn(executor_, encrypt(work), boost::asio::detached);
    } catch (...) {  // no memory: nobody would ever say that it is done
        encrypting_bytes_ -= work.size_bytes();
        encrypting_.pop_back();
        throw;
    }
}

// `work` stays in its place until it is done: an accepted job always ends before its caller goes on.
boost::asio::awaitable<void> WritePipeline::encrypt(Encrypting& work) {
    try {
        const auto job = [&work] { work.batch.encrypt(work.blocks); };
        co_await pool_.run(job);
    } catch (...) {
        fail(std::current_exception());
    }
    work.done = true;
    try {
        collect_encrypted();
    } catch (...) {  // no memory
        fail(std::current_exception());
    }
    if (error_) collect_encrypted();  // only lets them go
    start_writing();
    start_encrypting();
    progress_.wake_all();
}

// Moves what the workers have finished to what is ready, in the order of the log.
void WritePipeline::collect_encrypted() {
    while (!encrypting_.empty() && encrypting_.front().done) {
        Encrypting& first = encrypting_.front();
        if (!error_) {
            encrypted(first.blocks, first.batch, 0);
            ready_bytes_ += first.batch.bytes().size();
            ready_.push_back({std::move(first.batch), encrypted_});
        }
        encrypting_bytes_ -= first.size_bytes();
        encrypting_.pop_front();
    }
}

// Lets everything up to `position` be encrypted, however little it is; at once if it is little.
void WritePipeline::encrypt_up_to(std::uint64_t position) noexcept {
    encrypt_to_ = std::max(encrypt_to_, position);
    start_encrypting();
}

boost::asio::awaitable<LogDigest> WritePipeline::digest() {
    throw_if_failed();
    const std::uint64_t target = appended_;
    encrypt_up_to(target);
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
