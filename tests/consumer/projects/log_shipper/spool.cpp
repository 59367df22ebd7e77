#include "spool.hpp"

#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <utility>

namespace log_shipper {

Spool::Spool(asyncdrop::Passkey<Spool>, asyncdrop::AsyncDropArc<Uplink>&& uplink, metrics::Totals& totals)
    : uplink_(std::move(uplink)), counters_(asyncdrop::make_guard<metrics::Counters>(totals)) {}

asyncdrop::AsyncDropGuard<Spool::Mutex> Spool::create(asyncdrop::AsyncDropArc<Uplink>&& uplink,
                                                      metrics::Totals& totals) {
    return Mutex::create(asyncdrop::make_guard<Spool>(std::move(uplink), totals));
}

asio::awaitable<void> Spool::append(std::string line) {
    batch_.push_back(std::move(line));
    if (batch_.size() >= batch_lines) {
        asio::awaitable<void> flushing = flush();
        co_await std::move(flushing);
    }
}

asio::awaitable<void> Spool::flush() {
    const std::size_t lines = batch_.size();
    Uplink::Batch batch = std::exchange(batch_, {});
    asio::awaitable<void> sending = uplink_->send(std::move(batch));
    co_await std::move(sending);
    counters_->shipped(lines);
}

asio::awaitable<void> Spool::async_drop_impl() {
    // A stack whose only entry is the members' drop: it runs after the flush, also after one that fails.
    asyncdrop::AsyncDropStack afterwards;
    auto drop_members = [this] { return asyncdrop::drop_in_order(counters_, uplink_); };
    afterwards.defer(drop_members);
    auto flush_rest = [this](asyncdrop::AsyncDropStack&) { return flush(); };
    co_await asyncdrop::with_async_drop(afterwards, flush_rest);
}

}  // namespace log_shipper
