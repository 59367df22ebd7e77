// Spool: the lines that wait to be sent, behind a mutex that many readers share. Its drop sends the rest.
#pragma once

#include <asyncdrop/arc.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/mutex.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>

#include "counters.hpp"
#include "uplink.hpp"

namespace log_shipper {

class Spool {
  public:
    static constexpr std::size_t batch_lines = 8;
    using Guard = asyncdrop::AsyncDropGuard<Spool>;
    using Mutex = asyncdrop::AsyncDropMutex<Spool>;

    Spool(asyncdrop::Passkey<Spool>, asyncdrop::AsyncDropArc<Uplink>&& uplink, metrics::Totals& totals);

    /// A spool that many may use, one at a time.
    static asyncdrop::AsyncDropGuard<Mutex> create(asyncdrop::AsyncDropArc<Uplink>&& uplink,
                                                   metrics::Totals& totals);

    /// Sends a batch when enough lines have come together.
    asio::awaitable<void> append(std::string line);
    void note_rejected() noexcept { counters_->rejected(); }
    std::size_t waiting() const noexcept { return batch_.size(); }

    /// Sends what is left; then its share of the uplink is given back and the counters are flushed, whatever
    /// fails.
    asio::awaitable<void> async_drop_impl();

  private:
    asio::awaitable<void> flush();

    asyncdrop::AsyncDropArc<Uplink> uplink_;
    asyncdrop::AsyncDropGuard<metrics::Counters> counters_;
    Uplink::Batch batch_;
};

}  // namespace log_shipper
