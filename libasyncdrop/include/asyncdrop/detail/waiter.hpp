// A coroutine parked until another thread grants it something: the one wait primitive behind
// AsyncDropMutex, AsyncDropArc::async_drop_and_wait and TeardownGraph::run. Reading Asio's timers takes as
// long as half of all the rest, so this is included by files of impl/ only.
//
// Threads: every Waiter and WaitList belongs to an owner with a std::mutex; every call below is made
// with that mutex held, except where it says otherwise. The mutex is never held over a suspension.
//
// Invariants
// * The parked coroutine's frame is owned by the timer service of the coroutine's own context, so a
//   context that is destroyed destroys its parked coroutines too, and none is left in a foreign list.
// * A granted coroutine is resumed by its own executor, never inline in grant().
// * grant() allocates nothing: the wait's storage exists since the coroutine was parked.
#pragma once

#include <asyncdrop/detail/spawn.hpp>
#include <asyncdrop/detail/wait_list.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

class Waiter {
  public:
    explicit Waiter(const boost::asio::any_io_executor& executor)
        : timer_(executor, boost::asio::steady_timer::time_point::max()) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() = default;  // by then out of every list; the owner's mutex was taken since the last grant()

    [[nodiscard]] bool granted() const noexcept { return granted_; }
    [[nodiscard]] bool queued() const noexcept { return queued_; }

    void grant() noexcept {
        granted_ = true;
        timer_.cancel();
    }

    // The wait itself; called without the mutex, which it takes where needed. Resumes when granted, or
    // when the coroutine's cancellation slot fires: granted() tells which (both are possible).
    [[nodiscard]] boost::asio::awaitable<void> park(std::mutex& mutex) { return park_with<false>(mutex); }

    // The same out of reach of the coroutine's cancellation slot, for a wait that a cleanup must not give up.
    // To be awaited behind even_if_cancelled.
    [[nodiscard]] boost::asio::awaitable<void> park_deaf(std::mutex& mutex) { return park_with<true>(mutex); }

    // Why park() came back without a grant.
    [[noreturn]] void throw_reason() const {
        if (ignored_ == boost::system::errc::not_enough_memory) throw std::bad_alloc();
        throw boost::system::system_error(boost::asio::error::operation_aborted);
    }

  private:
    friend class WaitList;
    using Token = boost::asio::redirect_error_t<boost::asio::use_awaitable_t<>>;

    template <bool slotless>
    [[nodiscard]] boost::asio::awaitable<void> park_with(std::mutex& mutex) {
        Token token(boost::asio::use_awaitable, ignored_);
        return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
            Initiation<slotless>{&mutex, this}, token);
    }

    template <bool slotless>
    struct Initiation {
        std::mutex* mutex;
        Waiter* waiter;

        template <class Handler>
        void operator()(Handler&& handler) const {
            using boost::system::errc::make_error_code;
            const auto no_memory = make_error_code(boost::system::errc::not_enough_memory);
            const auto relayed = relay_handler(std::forward<Handler>(handler));
            if (!relayed) {
                std::forward<Handler>(handler)(no_memory);
                return;
            }
            try {
                const std::lock_guard lock(*mutex);
                waiter->timer_.async_wait(Relay<std::decay_t<Handler>, slotless>(relayed));
                if (waiter->granted_) waiter->timer_.cancel();  // granted between queueing and parking
            } catch (...) {
                relayed->deliver(no_memory);
            }
        }
    };

    boost::asio::steady_timer timer_;
    boost::system::error_code ignored_;
    Waiter* previous_ = nullptr;
    Waiter* next_ = nullptr;
    bool queued_ = false;
    bool granted_ = false;
};

}  // namespace asyncdrop::detail
