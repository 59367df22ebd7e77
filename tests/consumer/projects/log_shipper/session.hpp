// Session: what the rehearsal opens and closes. Its cleanup ends well, with an error, or not at all.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>
#include <utility>

namespace log_shipper {

namespace asio = boost::asio;

enum class Ending { well, with_error, never };

class Session {
  public:
    using Guard = asyncdrop::AsyncDropGuard<Session>;

    Session(asyncdrop::Passkey<Session>, Ending ending) : ending_(ending) { ++count_; }
    Session(Session&& other) noexcept : ending_(other.ending_) { ++count_; }
    Session& operator=(Session&&) = delete;
    ~Session() { --count_; }

    static Guard open(Ending ending = Ending::well,
                      asyncdrop::CreationSite site = asyncdrop::CreationSite::here()) {
        return asyncdrop::make_guard_at<Session>(site, ending);
    }

    /// Ends a session without a goodbye.
    static void hang_up(Guard& session) {
        const Session gone = std::move(session).unsafe_into_inner_dont_drop(asyncdrop::UnwrapKey<Session>());
    }

    /// How many there are.
    static int count() noexcept { return count_; }

    asio::awaitable<void> async_drop_impl() {
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer goodbye(executor, asio::steady_timer::time_point::min());
        if (ending_ == Ending::never) goodbye.expires_at(asio::steady_timer::time_point::max());
        co_await goodbye.async_wait(asio::use_awaitable);
        if (ending_ == Ending::with_error) throw std::runtime_error("the peer is gone");
    }

  private:
    static inline std::atomic<int> count_ = 0;
    Ending ending_;
};

}  // namespace log_shipper
