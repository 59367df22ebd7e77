// The second half of WritePipeline's way: from finished batches to what survives a crash.
//
// A sync point is a position that somebody wants to be durable. The writer appends batches; the one that
// reaches the first sync point is written and synced with one store operation. A sync of its own is only
// needed when everything up to the point had been written before the point was set.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "demofs/base/invariant.hpp"
#include "demofs/block/write_pipeline.hpp"

namespace demofs::block {

boost::asio::awaitable<void> WritePipeline::sync() {
    const std::uint64_t target = appended_;
    if (synced_ >= target && !error_) co_return;
    throw_if_failed();
    request_sync();
    while (synced_ < target && !error_) co_await progress_.wait();
    if (synced_ < target) throw_if_failed();
}

boost::asio::awaitable<void> WritePipeline::throttle() {
    // Begin early, so that writing goes on while the disk syncs.
    if (unsynced_bytes_ >= settings_.unsynced_limit_bytes / 2 && !error_ && !sync_wanted()) request_sync();
    while (unsynced_bytes_ >= settings_.unsynced_limit_bytes && !error_) {
        if (!sync_wanted()) request_sync();
        co_await progress_.wait();
    }
}

// Makes everything that was appended so far a sync point, unless it is one already.
void WritePipeline::request_sync() {
    if (sync_points_.empty() || sync_points_.back() != appended_) {
        sync_points_.push_back(appended_);
        log_.end_page();
    }
    encrypt_up_to(appended_);
    start_writing();
}

bool WritePipeline::should_write() const {
    if (error_) return false;
    if (ready_.empty()) return sync_wanted() && sync_points_.front() <= written_;
    return sync_wanted() || ready_bytes_ >= settings_.write_start_bytes;
}

void WritePipeline::start_writing() noexcept {
    if (writing_ || !should_write()) return;
    writing_ = true;
    try {
        boost::asio::co_spawn(executor_, write_loop(), boost::asio::detached);
    } catch (...) {  // no memory
        writing_ = false;
        fail(std::current_exception());
    }
}

boost::asio::awaitable<void> WritePipeline::write_loop() {
    try {
        while (should_write()) {
            co_await write_one();
            start_encrypting();
        }
    } catch (...) {
        fail(std::current_exception());
    }
    writing_ = false;
    progress_.wake_all();
}

boost::asio::awaitable<void> WritePipeline::write_one() {
    if (ready_.empty()) {
        const std::uint64_t position = written_;
        co_await log_.sync();
        covered(position);
        co_return;
    }
    Ready next = std::move(ready_.front());
    ready_.pop_front();
    // A sync that is wanted for any of its blocks goes with the write: a small commit needs no other.
    const bool sync_with_it = sync_wanted() && sync_points_.front() <= next.last;
    const auto durability = sync_with_it ? store::Durability::synced : store::Durability::buffered;
    const SegmentId segment = next.batch.segment()->id;
    const std::uint64_t before = written_;
    const std::size_t size = next.batch.bytes().size();  // the log may fill it up
    co_await log_.write(next.batch, durability);
    if (!error_) ready_bytes_ -= size;
    invariant(next.last > written_, "Batches are written in the order of the log.");
    written_ = next.last;
    if (segment != written_segment_) covered(before);  // the log has made the segment before durable
    written_segment_ = segment;
    if (sync_with_it) covered(written_);
}

// Everything up to `position` survives a crash from now on.
void WritePipeline::covered(std::uint64_t position) {
    invariant(position <= written_, "What is durable was written.");
    for (; synced_ < position; ++synced_) {
        const BlockAddress& address = unsynced_order_.front();
        unsynced_bytes_ -= address.stored_bytes();
        unsynced_.erase(address);
        unsynced_order_.pop_front();
    }
    while (sync_wanted() && sync_points_.front() <= synced_) sync_points_.pop_front();
    progress_.wake_all();
}

}  // namespace demofs::block
