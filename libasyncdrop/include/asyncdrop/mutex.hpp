// AsyncDropMutex<T>: one resource, used by one coroutine at a time.
//
//     auto mutex = asyncdrop::AsyncDropMutex<Log>::create(open_log());   // a guard of the mutex
//     {
//         auto log = co_await mutex->lock();
//         co_await log->append(line);
//     }                                                                  // unlocked
//     co_await mutex.async_drop();   // closes entry, waits for whoever is inside or queued, cleans up
//
// Contract:
//  * first come, first served; nobody overtakes a waiter;
//  * an uncontended lock() neither posts nor waits; its only memory is the frame of its coroutine, which Asio
//    recycles. try_lock() has not even that;
//  * a woken waiter resumes on its own executor, never inside unlock();
//  * a cancelled waiter leaves the queue;
//  * once its drop has begun, lock() throws MutexClosed and try_lock() answers nothing; whoever was in the
//    queue before is still served.
// To share it, put it into an AsyncDropArc.
//
// Threads: lock, try_lock and unlock from any thread; the drop like any guard's.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/detail/async_lock.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/with_token.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/co_spawn.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace asyncdrop {

/// What lock() throws once the mutex is being dropped.
class MutexClosed : public std::runtime_error {
  public:
    MutexClosed() : std::runtime_error("the mutex is closed: it is being dropped") {}
};

namespace detail {

template <class T>
struct MutexState {
    explicit MutexState(AsyncDropBox<T>&& box) noexcept : value(std::move(box)) {}

    AsyncLock lock;
    AsyncDropBox<T> value;  // the lock's holder and, once closed, the drop have access
};

}  // namespace detail

/// A resource that is used by one coroutine at a time, first come, first served.
template <class T>
class AsyncDropMutex {
  public:
    /// Exclusive access to the T until it is destroyed or unlock() is called. Movable; may be unlocked on
    /// another thread than the one that locked. A default-constructed one holds nothing.
    class Lock {
      public:
        Lock() noexcept = default;
        Lock(Lock&& other) noexcept = default;
        /// Unlocks what this held before.
        Lock& operator=(Lock&& other) noexcept {
            if (this != &other) {
                unlock();
                state_ = std::move(other.state_);
            }
            return *this;
        }
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;
        ~Lock() { unlock(); }

        /// Lets the next one in; nothing happens if this holds nothing.
        void unlock() noexcept {
            if (const auto state = std::exchange(state_, nullptr)) state->lock.release();
        }

        /// Whether this has access.
        explicit operator bool() const noexcept { return state_ != nullptr; }

        /// The resource; misuse after unlock().
        T* operator->() const& noexcept { return &value(); }
        T* operator->() const&& = delete;  // the lock would end with the expression
        /// The resource; misuse after unlock().
        T& operator*() const& noexcept { return value(); }
        T& operator*() const&& = delete;

      private:
        T& value() const noexcept {
            if (!state_) [[unlikely]] {
                detail::misuse("a mutex's lock was used after its unlock", detail::type_name<T>(), {});
            }
            return *state_->value;
        }

        friend class AsyncDropMutex;
        explicit Lock(std::shared_ptr<detail::MutexState<T>> state) noexcept : state_(std::move(state)) {}

        std::shared_ptr<detail::MutexState<T>> state_;
    };

    /// For make_guard and make_box; the resource is taken out of the guard or box.
    AsyncDropMutex(Passkey<AsyncDropMutex>, AsyncDropBox<T>&& box)
        : state_(std::make_shared<detail::MutexState<T>>(std::move(box))) {}
    AsyncDropMutex(Passkey<AsyncDropMutex> key, AsyncDropGuard<T>&& guard)
        requires(!std::is_abstract_v<T>)
        : AsyncDropMutex(key, std::move(guard).into_box()) {}

    AsyncDropMutex(AsyncDropMutex&&) noexcept = default;
    AsyncDropMutex& operator=(AsyncDropMutex&&) = delete;

    /// A guarded mutex around the resource of `inner`, a guard or a box.
    template <class Inner>
        requires(std::is_same_v<Inner, AsyncDropGuard<T>> || std::is_same_v<Inner, AsyncDropBox<T>>)
    static AsyncDropGuard<AsyncDropMutex> create(Inner&& inner, CreationSite site = CreationSite::here()) {
        return make_guard_at<AsyncDropMutex>(site, std::move(inner));
    }

    /// Waits for exclusive access.
    ///
    /// Errors: MutexClosed once the drop has begun; operation_aborted when cancelled while waiting (then the
    /// queue has been left). The awaitable does not depend on this object's lifetime.
    [[nodiscard]] asio::awaitable<Lock> lock() const { return lock_state(state_); }

    /// The same for callers that are no coroutines: waits on `executor`. `token` is any completion token for
    /// void(std::exception_ptr, Lock); with an error the Lock holds nothing. A cancellation slot that is
    /// bound to it is ignored: this wait ends with the lock, or with the drop.
    template <detail::ExecutorArgument Executor, class Token>
    auto lock(const Executor& executor, Token&& token) const {
        return asio::async_initiate<Token, void(std::exception_ptr, Lock)>(StartLock(executor), token,
                                                                           state_);
    }

    /// Exclusive access if it can be had at once; else nothing, as after the drop has begun.
    [[nodiscard]] std::optional<Lock> try_lock() const noexcept {
        if (state_->lock.try_acquire() != detail::AsyncLock::Answer::acquired) return std::nullopt;
        return Lock(state_);
    }

    /// The resource itself, which still wants its drop; `mutex` is left empty. Nothing if it is locked: then
    /// nothing changes.
    [[nodiscard]] static std::optional<AsyncDropBox<T>> into_inner(AsyncDropGuard<AsyncDropMutex>& mutex) {
        const std::shared_ptr<detail::MutexState<T>> state = mutex->state_;
        if (!state->lock.try_close()) return std::nullopt;
        const AsyncDropMutex unwrapped =
            std::move(mutex).unsafe_into_inner_dont_drop(UnwrapKey<AsyncDropMutex>());
        return std::move(state->value);
    }

    /// Closes entry, waits until everybody is out, then cleans the T up. Called by the guard. Cancellation:
    /// neither the wait nor the T's cleanup sees any, also not by the cancel_after of a TeardownGraph: who is
    /// inside goes on using the T. Waits for ever if its caller holds the lock itself.
    asio::awaitable<void> async_drop_impl() {
        // What is awaited exists before the drop has begun: memory that is short then leaves the mutex armed.
        std::shared_ptr<detail::AsyncLock> lock(state_, &state_->lock);
        return drop_state(state_, detail::AsyncLock::close_and_wait(std::move(lock)),
                          detail::drop_member(state_->value));
    }

  private:
    using State = std::shared_ptr<detail::MutexState<T>>;

    class StartLock {
      public:
        explicit StartLock(asio::any_io_executor executor) noexcept : executor_(std::move(executor)) {}

        template <class Handler>
        void operator()(Handler&& handler, State state) const {
            asio::co_spawn(executor_, lock_state(std::move(state)),
                           detail::Slotless<std::decay_t<Handler>>(std::forward<Handler>(handler)));
        }

      private:
        asio::any_io_executor executor_;
    };

    static asio::awaitable<Lock> lock_state(State state) {
        using Answer = detail::AsyncLock::Answer;
        Answer answer = state->lock.try_acquire();
        if (answer == Answer::busy) {
            std::shared_ptr<detail::AsyncLock> lock(state, &state->lock);
            answer = co_await detail::AsyncLock::wait(lock);
        }
        if (answer == Answer::closed) throw MutexClosed();
        co_return Lock(std::move(state));
    }

    static asio::awaitable<void> drop_state([[maybe_unused]] State state, asio::awaitable<void> closing,
                                            asio::awaitable<void> cleanup) {
        co_await std::move(closing);
        co_await even_if_cancelled;
        co_await std::move(cleanup);
    }

    State state_;
};

}  // namespace asyncdrop
