// AsyncDropShared<T>: one creation, awaited by many; each gets an AsyncDropArc<T> of the same resource.
//
//     auto connect = [address] { return Connection::open(address); };    // awaitable of a guard, box or Arc
//     auto shared = asyncdrop::AsyncDropShared<Connection>::create(connect);
//     auto mine = co_await shared.get();                                  // the first one starts it
//     ...
//     co_await mine.async_drop();
//     co_await shared.async_drop();
//
// Contract:
//  * the creation begins with the first get(), runs once, and runs on its own: a waiter that is cancelled,
//    the first one too, hurts nobody else;
//  * a creation that fails gives its error to every waiter, now and later;
//  * every clone is dropped like a guard, and reported like a forgotten guard if it is not. Handles, and the
//    Arcs that get() returned, share the resource: the last of them all runs the cleanup;
//  * if the last handle is dropped, and nobody waits in get(), before the creation has ended, the creation is
//    cancelled, and what it made nevertheless is cleaned up; the drop returns when that is done.
//
// Threads: distinct handles of one resource from distinct threads, get(), clone() and drop all at the same
// time; one handle from one strand. The creation runs on a strand of the executor that was given, or of the
// first waiter's.
#pragma once

#include <asyncdrop/detail/handle_core.hpp>
#include <asyncdrop/detail/shared_state.hpp>
#include <asyncdrop/detail/token_drops.hpp>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asyncdrop {

namespace detail {

template <class Owner, class T>
concept SharedOwner = std::same_as<Owner, AsyncDropGuard<T>> || std::same_as<Owner, AsyncDropBox<T>> ||
                      std::same_as<Owner, AsyncDropArc<T>>;

// A coroutine of the library's own kind: it runs on a strand that no other executor type stands for.
template <class F, class T>
concept SharedFactory =
    SharedOwner<typename Awaited<std::invoke_result_t<F&>>::type, T> &&
    std::same_as<typename Awaited<std::invoke_result_t<F&>>::executor_type, asio::any_io_executor>;

}  // namespace detail

/// A handle of a resource whose one creation many wait for.
template <class T>
class [[nodiscard("an AsyncDropShared must be dropped with async_drop")]] AsyncDropShared
    : public detail::TokenDrops<AsyncDropShared<T>> {
    using State = detail::SharedState<T>;
    using Pointer = std::shared_ptr<State>;
    using Phase = typename State::Phase;

  public:
    /// The resource's type.
    using value_type = T;

    /// An empty handle: holds nothing, needs no drop, and says nothing.
    AsyncDropShared() noexcept = default;

    /// A handle whose resource `creation` makes, on the executor of whoever asks first. `creation` is called
    /// at most once, returns a guard, box or Arc, or an awaitable of one (on an any_io_executor: it is a
    /// strand of the library's), and may be a lambda with captures.
    template <detail::SharedFactory<T> F>
    static AsyncDropShared create(F creation, CreationSite site = CreationSite::here()) {
        return AsyncDropShared(state_for(std::move(creation), site), site);
    }

    /// The same on a given executor, whose context must be running until the creation has ended.
    template <detail::SharedFactory<T> F>
    static AsyncDropShared create(asio::any_io_executor executor, F creation,
                                  CreationSite site = CreationSite::here()) {
        Pointer state = state_for(std::move(creation), site);
        state->set_executor(std::move(executor));
        return AsyncDropShared(std::move(state), site);
    }

    /// A handle of a resource that exists: nothing will be created. If an allocation fails (std::bad_alloc),
    /// the resource stays where it was. An empty owner is a misuse.
    template <class Owner>
        requires(detail::SharedOwner<Owner, T>)
    static AsyncDropShared ready(Owner&& owner, CreationSite site = CreationSite::here()) {
        if (!owner) [[unlikely]] {
            detail::misuse("an AsyncDropShared was made of an empty guard", detail::type_name<T>(), site);
        }
        auto state = std::make_shared<State>();
        if constexpr (std::same_as<Owner, AsyncDropArc<T>>) {
            state->set_product(std::move(owner));
        } else {
            state->set_product(AsyncDropArc<T>(std::move(owner), site));
        }
        return AsyncDropShared(std::move(state), site);
    }

    /// Leaves `other` empty.
    AsyncDropShared(AsyncDropShared&& other) noexcept : detail::TokenDrops<AsyncDropShared>() { take(other); }

    /// Assigning over a handle that has not been dropped is a misuse.
    AsyncDropShared& operator=(AsyncDropShared&& other) noexcept {
        if (this == &other) return *this;
        if (state_) [[unlikely]] {
            detail::misuse("an AsyncDropShared was assigned over one that has not been dropped", type(),
                           creation_site());
        }
        take(other);
        return *this;
    }

    AsyncDropShared(const AsyncDropShared&) = delete;  // clone() says that there is one more handle to drop
    AsyncDropShared& operator=(const AsyncDropShared&) = delete;

    /// Reports a handle that was not dropped and gives its share back.
    ~AsyncDropShared() {
        if (state_) [[unlikely]] {
            core_.report(type());
            state_->forget_handle();
        }
    }

    /// One more handle of the same resource; `site` is what a report about it names.
    [[nodiscard]] AsyncDropShared clone(CreationSite site = CreationSite::here()) const noexcept {
        state().add_handle();
        return AsyncDropShared(state_, site);
    }

    /// A share of the resource, created if need be; it wants its drop. May be called any number of times.
    ///
    /// Errors: the creation's; operation_aborted when cancelled, when the creation's context was destroyed,
    /// or when the last handle was dropped before this was awaited. The awaitable does not depend on this
    /// object's lifetime. Cancellation ends the waiting only; it ends the creation, too, if nobody else is
    /// interested in it.
    [[nodiscard]] asio::awaitable<AsyncDropArc<T>> get(CreationSite site = CreationSite::here()) const {
        state();
        return State::get(state_, site);
    }

    /// The resource, null while it does not exist. Valid as long as this handle; clone() it to keep it.
    [[nodiscard]] const AsyncDropArc<T>* peek() const noexcept {
        return state().phase() == Phase::ready ? &state_->product() : nullptr;
    }

    /// The error of the creation, null if it has not failed (yet).
    [[nodiscard]] std::exception_ptr peek_error() const noexcept { return state().error(); }

    /// Gives this share back if it is not the last one, and says whether it did. Never waits or throws.
    [[nodiscard]] bool try_release() noexcept {
        if (!state_ || !state_->release_if_shared()) return false;
        forget_state();
        return true;
    }

    /// Gives this share back. The last one cancels a creation that runs and waits for its end, or drops its
    /// share of the resource, which is cleaned up if no Arc is left.
    ///
    /// Errors: the cleanup's; not the creation's. Only if the frame of the cleanup cannot be allocated
    /// (std::bad_alloc) is this handle still to be dropped. On an empty or dropped handle: success, nothing
    /// happens. Cancellation: shielded once it has started; see even_if_cancelled.hpp for how to start it.
    /// The handle must stay where it is until the awaitable has completed.
    [[nodiscard("async_drop does nothing until it is awaited")]] asio::awaitable<void> async_drop() & {
        return drop(*this, detail::DropTicket(core_));
    }
    asio::awaitable<void> async_drop() && = delete;
    using detail::TokenDrops<AsyncDropShared>::async_drop;

    /// Whether this handle has given its share back.
    bool is_dropped() const noexcept { return core_.state() == detail::DropState::dropped; }
    /// Whether this handle has a share of the creation.
    explicit operator bool() const noexcept { return state_ != nullptr; }

    /// How many handles there are; zero for an empty one. Others may change it at any moment.
    std::size_t strong_count() const noexcept { return state_ ? state_->handles() : 0; }

    /// Whether both are handles of the same creation.
    friend bool ptr_eq(const AsyncDropShared& a, const AsyncDropShared& b) noexcept {
        return a.state_ == b.state_;
    }

    /// Equal for handles of the same creation.
    friend std::size_t ptr_hash(const AsyncDropShared& shared) noexcept {
        return std::hash<Pointer>()(shared.state_);
    }

    /// For people: "AsyncDropShared<T>(creating, 2 handles)".
    friend std::ostream& operator<<(std::ostream& out, const AsyncDropShared& shared) {
        out << "AsyncDropShared<" << detail::type_name<T>() << ">(";
        if (!shared.state_) return out << (shared.is_dropped() ? "dropped)" : "empty)");
        constexpr std::string_view phases[] = {"not begun", "creating", "ready", "failed"};
        const std::size_t handles = shared.strong_count();
        return out << phases[static_cast<std::size_t>(shared.state_->phase())] << ", " << handles
                   << (handles == 1 ? " handle)" : " handles)");
    }

    /// Exchanges the handles.
    void swap(AsyncDropShared& other) noexcept {
        AsyncDropShared kept = std::move(other);
        other = std::move(*this);
        *this = std::move(kept);
    }
    friend void swap(AsyncDropShared& a, AsyncDropShared& b) noexcept { a.swap(b); }

    /// Where this handle was made, for messages.
    CreationSite creation_site() const noexcept { return core_.site(); }
    /// The name of T, for messages.
    static constexpr std::string_view resource_name() noexcept { return detail::type_name<T>(); }

  private:
    friend struct detail::CoreAccess;

    AsyncDropShared(Pointer state, CreationSite site) noexcept : state_(std::move(state)) { core_.arm(site); }

    template <class F>
    static Pointer state_for(F&& creation, CreationSite site) {
        auto state = std::make_shared<State>();
        state->set_creation(std::make_unique<detail::SharedCreationOf<T, F>>(std::move(creation), site));
        return state;
    }

    static asio::awaitable<void> drop(AsyncDropShared& self, detail::DropTicket ticket) {
        ticket.started();
        if (self.state_ && !self.try_release()) {
            using Duty = typename State::Duty;
            const Pointer state = self.state_;
            // Whatever may fail to be allocated is allocated before the share is given back.
            asio::awaitable<void> cleanup = state->product().async_drop();
            asio::awaitable<void> end = State::wait_for_end(state);
            const Duty duty = state->release_handle();
            self.forget_state();
            std::exception_ptr error;
            co_await asio::this_coro::throw_if_cancelled(false);
            try {
                if (duty == Duty::drop_product) co_await std::move(cleanup);
                if (duty == Duty::wait_for_creation) co_await std::move(end);
            } catch (...) {
                error = std::current_exception();
            }
            if (duty == Duty::drop_product && state->product()) {  // no memory to begin
                state->restore_handle();
                self.state_ = state;
                self.core_.rearm();
            }
            co_await asio::this_coro::throw_if_cancelled(true);
            if (error) std::rethrow_exception(error);
        }
        co_await asio::this_coro::throw_if_cancelled(true);
    }

    static constexpr std::string_view type() noexcept { return detail::type_name<AsyncDropShared<T>>(); }

    State& state() const noexcept {
        if (!state_) [[unlikely]] {
            detail::misuse(is_dropped() ? "an AsyncDropShared was used after its async_drop"
                                        : "an empty AsyncDropShared was used",
                           type(), creation_site());
        }
        return *state_;
    }

    void take(AsyncDropShared& other) noexcept {
        other.core_.check_movable(type());
        state_ = std::move(other.state_);
        core_.take(other.core_);
    }

    void forget_state() noexcept {
        state_ = nullptr;
        core_.end_drop();
    }

    Pointer state_;  // null unless core_ is armed
    detail::HandleCore core_;
};

}  // namespace asyncdrop
