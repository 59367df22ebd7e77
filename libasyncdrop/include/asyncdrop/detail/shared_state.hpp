// What the clones of an AsyncDropShared have in common: the creation, its product, and who wants it.
//
// Life: idle (nobody asked yet) -> creating -> ready or failed. The creation runs as a coroutine of its own
// on a strand, so it depends on no waiter. Interested parties are the live handles and the coroutines that
// wait in get(). When the last of them goes
//   * while creating: the creation is cancelled, and its own coroutine drops what it made nevertheless;
//   * when ready: whoever goes last takes the state's share of the product along.
//
// Threads: every public member may be called from any thread; `mutex_` guards all data except where it says
// otherwise. Nothing foreign (the creation, an executor, a waiter) is called with the mutex held.
//
// Invariants
// * The number of interested parties never grows again once it is zero.
// * `product_` does not change while somebody is interested and the phase is ready, so handles may read it.
// * The strand and the cancellation signal are given up when the creation ends or dies: neither may outlive
//   its context. The signal belongs to the creation's coroutine; the state knows it weakly.
#pragma once

#include <array>
#include <asyncdrop/arc.hpp>
#include <asyncdrop/detail/bracket.hpp>
#include <asyncdrop/detail/completion.hpp>
#include <asyncdrop/detail/launch.hpp>
#include <asyncdrop/detail/serial_executor.hpp>
#include <asyncdrop/detail/shielded.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

// How to make the product; without its type.
template <class T>
struct SharedCreation {
    SharedCreation() = default;
    SharedCreation(const SharedCreation&) = delete;
    SharedCreation& operator=(const SharedCreation&) = delete;
    virtual ~SharedCreation() = default;
    virtual asio::awaitable<void> create(AsyncDropArc<T>& into) = 0;
};

template <class T, class F>
class SharedCreationOf final : public SharedCreation<T> {
    using Made = std::invoke_result_t<F&>;
    using Owner = typename Awaited<Made>::type;

  public:
    SharedCreationOf(F&& function, CreationSite site) : function_(std::move(function)), site_(site) {}

    asio::awaitable<void> create(AsyncDropArc<T>& into) override { return create_into(*this, into); }

  private:
    static asio::awaitable<void> create_into(SharedCreationOf& self, AsyncDropArc<T>& into) {
        Owner made;
        if constexpr (Awaited<Made>::is_awaitable) {
            Made making = self.function_();
            made = co_await std::move(making);
        } else {
            made = self.function_();
        }
        if (!made) [[unlikely]] {
            misuse("the creation of an AsyncDropShared returned an empty guard", type_name<T>(), self.site_);
        }
        std::array<Failure, 1> failures;
        std::exception_ptr error;
        try {
            if constexpr (std::is_same_v<Owner, AsyncDropArc<T>>) {
                into = std::move(made);
            } else {
                into = AsyncDropArc<T>(std::move(made), self.site_);
            }
            co_return;
        } catch (...) {  // no memory to share it: it must not stay undropped
            error = std::current_exception();
        }
        co_await even_if_cancelled;
        try {
            asio::awaitable<void> dropping = made.async_drop();
            co_await std::move(dropping);
        } catch (...) {
            failures[0] = Failure(std::current_exception(), type_name<T>(), self.site_);
        }
        std::rethrow_exception(combine(error, failures));
    }

    F function_;
    CreationSite site_;
};

template <class T>
class SharedState : public std::enable_shared_from_this<SharedState<T>> {
  public:
    using Pointer = std::shared_ptr<SharedState>;

    enum class Phase { idle, creating, ready, failed };

    // What is left to do for a handle that gave its share back.
    enum class Duty {
        none,
        drop_product,       // drop product()
        wait_for_creation,  // it was cancelled and cleans up after itself; wait for its end
    };

    SharedState() = default;
    SharedState(const SharedState&) = delete;
    SharedState& operator=(const SharedState&) = delete;

    // For the construction, before the state is shared.
    void set_creation(std::unique_ptr<SharedCreation<T>> creation) noexcept {
        creation_ = std::move(creation);
    }
    void set_executor(asio::any_io_executor executor) noexcept { executor_ = std::move(executor); }
    void set_product(AsyncDropArc<T>&& product) noexcept {
        product_ = std::move(product);
        phase_ = Phase::ready;
        completion_.complete(nullptr);
    }

    Phase phase() const noexcept {
        const std::lock_guard lock(mutex_);
        return phase_;
    }
    std::size_t handles() const noexcept {
        const std::lock_guard lock(mutex_);
        return handles_;
    }
    std::exception_ptr error() const noexcept {
        const std::lock_guard lock(mutex_);
        return error_;
    }

    // To be read by a live handle if ready, and by the holder of Duty::drop_product.
    AsyncDropArc<T>& product() noexcept { return product_; }

    void add_handle() noexcept {
        const std::lock_guard lock(mutex_);
        ++handles_;
    }

    // Gives a handle back if somebody else is interested.
    bool release_if_shared() noexcept {
        const std::lock_guard lock(mutex_);
        if (handles_ + waiters_ <= 1) return false;
        --handles_;
        return true;
    }

    Duty release_handle() noexcept {
        Duty duty = Duty::none;
        {
            const std::lock_guard lock(mutex_);
            --handles_;
            if (handles_ + waiters_ != 0) return Duty::none;
            if (phase_ == Phase::ready) return Duty::drop_product;
            if (phase_ != Phase::creating) return Duty::none;
            duty = Duty::wait_for_creation;
            somebody_waits_for_cleanup_ = true;
        }
        cancel_creation();
        return duty;
    }

    // The share of a handle that died without a drop; that was reported.
    void forget_handle() noexcept {
        AsyncDropArc<T> product;
        {
            const std::lock_guard lock(mutex_);
            --handles_;
            if (handles_ + waiters_ != 0) return;
            if (phase_ == Phase::ready) product = std::move(product_);
        }
        CoreAccess::forget_unreported(product);
        cancel_creation();
    }

    // Takes a share back that could not be dropped.
    void restore_handle() noexcept { add_handle(); }

    // Starts the creation if nobody did and returns the product when there is one.
    static asio::awaitable<AsyncDropArc<T>> get(Pointer self, CreationSite site) {
        Interest interest(*self);
        if (!interest) {
            throw boost::system::system_error(asio::error::operation_aborted,
                                              "the shared resource was dropped before it was waited for");
        }
        if (!self->completion_.done()) {
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            self->start(executor);
            asio::awaitable<void> created = self->completion_.wait(self);
            co_await std::move(created);
        }
        if (const std::exception_ptr error = self->error()) std::rethrow_exception(error);
        co_return interest.take_product(site);
    }

    // Waits for the end of a creation that was cancelled, and of its cleanup, whose error it throws.
    static asio::awaitable<void> wait_for_end(Pointer self) {
        asio::awaitable<void> ended = self->completion_.wait(self);
        asio::awaitable<void> wait = shielded(std::move(ended));
        co_await std::move(wait);
        if (const std::exception_ptr error = self->completion_.error()) std::rethrow_exception(error);
    }

  private:
    // A coroutine that waits in get().
    class Interest {
      public:
        explicit Interest(SharedState& state) noexcept : state_(state) {
            const std::lock_guard lock(state_.mutex_);
            held_ = state_.handles_ + state_.waiters_ != 0;
            if (held_) ++state_.waiters_;
        }
        Interest(const Interest&) = delete;
        Interest& operator=(const Interest&) = delete;
        ~Interest() {
            if (!held_) return;
            {
                const std::lock_guard lock(state_.mutex_);
                --state_.waiters_;
                if (state_.handles_ + state_.waiters_ != 0) return;
            }
            state_.cancel_creation();
        }
        explicit operator bool() const noexcept { return held_; }

        // A share of the product; the state's own one for the last that is interested.
        AsyncDropArc<T> take_product(CreationSite site) noexcept {
            const std::lock_guard lock(state_.mutex_);
            held_ = false;
            --state_.waiters_;
            if (state_.handles_ + state_.waiters_ != 0) return state_.product_.clone(site);
            return std::move(state_.product_);
        }

      private:
        SharedState& state_;
        bool held_;
    };

    // The creation's coroutine. If it is destroyed unfinished (its context was destroyed, or could not start
    // it), everybody gets an error.
    class Run {
      public:
        explicit Run(Pointer state) noexcept : state_(std::move(state)) {}
        Run(Run&&) noexcept = default;
        Run& operator=(Run&&) = delete;
        ~Run() {
            if (const Pointer state = std::move(state_)) state->creation_lost();
        }
        SharedState& state() const noexcept { return *state_; }
        void ended(std::exception_ptr error) noexcept {
            const Pointer state = std::move(state_);
            state->completion_.complete(std::move(error));
        }

      private:
        Pointer state_;
    };

    void start(const asio::any_io_executor& first_waiters) {
        asio::any_io_executor strand;
        {
            const std::lock_guard lock(mutex_);
            if (phase_ != Phase::idle) return;
            strand = serial_executor(executor_ ? executor_ : first_waiters);
            executor_ = strand;
            phase_ = Phase::creating;
        }
        launch(strand, run(Run(this->shared_from_this())));
    }

    static asio::awaitable<void> run(Run run) {
        SharedState& state = run.state();
        AsyncDropArc<T> product;
        std::exception_ptr error;
        std::shared_ptr<asio::cancellation_signal> signal;  // dies after the coroutine that it may cancel
        try {
            signal = std::make_shared<asio::cancellation_signal>();
            if (state.begin(signal)) {
                const asio::any_io_executor executor = co_await asio::this_coro::executor;
                asio::awaitable<void> creating = state.creation_->create(product);
                asio::awaitable<void> spawned = launch_cancellable(executor, std::move(creating), *signal);
                co_await std::move(spawned);
            }
        } catch (...) {
            error = std::current_exception();
        }
        if (!state.deliver(product, error)) {  // nobody wants it any more
            error = nullptr;
            try {
                asio::awaitable<void> dropping = product.async_drop();
                co_await std::move(dropping);
            } catch (...) {
                error = std::current_exception();
            }
            if (error) state.print_unless_awaited(error);
        }
        run.ended(error);
    }

    // On the strand. False: nobody is interested any more, do not begin.
    bool begin(const std::shared_ptr<asio::cancellation_signal>& signal) noexcept {
        const std::lock_guard lock(mutex_);
        signal_ = signal;
        return handles_ + waiters_ != 0;
    }

    // The end of the creation. False: nobody is interested, the caller drops the product.
    bool deliver(AsyncDropArc<T>& product, const std::exception_ptr& error) noexcept {
        const std::unique_ptr<SharedCreation<T>> creation = std::move(creation_);  // dies last, without mutex
        const std::lock_guard lock(mutex_);
        end_creation(error);
        if (handles_ + waiters_ == 0) {
            phase_ = Phase::failed;
            return false;
        }
        if (!error) {
            product_ = std::move(product);
            phase_ = Phase::ready;
        }
        return true;
    }

    void creation_lost() noexcept {
        std::exception_ptr error;
        try {
            error = std::make_exception_ptr(boost::system::system_error(
                asio::error::operation_aborted, "the creation of a shared resource was abandoned"));
        } catch (...) {
            error = std::current_exception();
        }
        {
            const std::lock_guard lock(mutex_);
            end_creation(error);
        }
        completion_.complete(error);
    }

    // With the mutex held.
    void end_creation(const std::exception_ptr& error) noexcept {
        signal_.reset();
        executor_ = nullptr;
        error_ = error;
        phase_ = Phase::failed;
    }

    // Cancels the creation if there is one. What it made already is dropped by its own coroutine.
    void cancel_creation() noexcept {
        asio::any_io_executor strand;
        std::weak_ptr<asio::cancellation_signal> signal;
        {
            const std::lock_guard lock(mutex_);
            if (phase_ != Phase::creating) return;
            strand = executor_;
            signal = signal_;
        }
        emit_on(strand,
                std::move(signal));  // without memory it ends uncancelled, and is cleaned up all the same
    }

    void print_unless_awaited(const std::exception_ptr& error) noexcept {
        {
            const std::lock_guard lock(mutex_);
            if (somebody_waits_for_cleanup_) return;
        }
        try {
            const std::string message = message_of(error);
            Line line;
            line << "asyncdrop: the cleanup of a shared " << type_name<T>()
                 << " that nobody waited for any more failed: " << message;
            print_notice(line.view(), type_name<T>());
        } catch (...) {
        }
    }

    mutable std::mutex mutex_;
    Completion completion_;  // the creation's end; of one that nobody wants any more, its cleanup's
    std::unique_ptr<SharedCreation<T>> creation_;  // the creation's coroutine's, once it runs
    asio::any_io_executor executor_;               // where to create; the strand while creating
    std::weak_ptr<asio::cancellation_signal> signal_;
    AsyncDropArc<T> product_;
    std::exception_ptr error_;
    std::size_t handles_ = 1;
    std::size_t waiters_ = 0;
    Phase phase_ = Phase::idle;
    bool somebody_waits_for_cleanup_ = false;
};

}  // namespace asyncdrop::detail
