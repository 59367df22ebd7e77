// AsyncDropGuard<T>: the owner of a T that must be cleaned up asynchronously before it dies.
//
//     auto file = asyncdrop::make_guard<File>(path);   // T(Passkey<T>, path) in place
//     co_await file->write(data);
//     co_await file.async_drop();                      // runs the cleanup, then destroys the T
//
// Contract:
//  * every armed guard is dropped by async_drop(), or its destructor reports it (forgotten.hpp);
//  * the cleanup runs once; a second async_drop() succeeds and does nothing; is_dropped() tells;
//  * a cleanup that fails still disarms the guard and destroys the T: the error is the only thing left;
//  * the cleanup is shielded from cancellation, but a cancelled coroutine cannot even start it: use
//    with_async_drop, or `co_await even_if_cancelled;` first;
//  * misuse (dereference after or during the drop, move during it, assignment over an armed guard) ends the
//    program with a sentence, in release builds too.
//
// The T lives inside the guard and moves with it, so it must be nothrow movable; `AsyncDropBox` holds the
// others. sizeof(AsyncDropGuard<T>) is at most T and two words. A guard allocates nothing.
//
// Threads: distinct guards from distinct threads; one guard from one strand.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/access.hpp>
#include <asyncdrop/detail/by_arity.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/run_drop.hpp>
#include <asyncdrop/detail/type_name.hpp>
#include <asyncdrop/detail/with_token.hpp>
#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/passkey.hpp>
#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asyncdrop {

template <class T>
class AsyncDropBox;

template <class T>
class [[nodiscard("a guard must be dropped with async_drop")]] AsyncDropGuard {
  public:
    using value_type = T;

    /// An empty guard: holds nothing, needs no drop, and says nothing.
    AsyncDropGuard() noexcept {
        static_assert_movable();
    }

    /// Wraps an existing value. `site` is what reports name.
    static AsyncDropGuard adopt(T && value, CreationSite site = CreationSite::here()) noexcept {
        return AsyncDropGuard(site, std::move(value));
    }

    /// Leaves `other` empty. Moving a guard whose drop is running is a misuse.
    AsyncDropGuard(AsyncDropGuard && other) noexcept {
        other.core_.check_movable(type());
        take(other);
    }

    /// Assigning over a guard that still wants its drop is a misuse.
    AsyncDropGuard& operator=(AsyncDropGuard&& other) noexcept {
        if (this == &other) return *this;
        core_.check_overwritable(type());
        other.core_.check_movable(type());
        take(other);
        return *this;
    }

    AsyncDropGuard(const AsyncDropGuard&) = delete;
    AsyncDropGuard& operator=(const AsyncDropGuard&) = delete;

    /// Reports an armed or dropping guard to the forgotten handler, then destroys the T.
    ~AsyncDropGuard() {
        static_assert(
            AsyncDrop<T>,
            "AsyncDropGuard<T>: T has no cleanup. Give it `asio::awaitable<void> async_drop_impl()` or "
            "`void async_drop_impl() noexcept`, or specialise asyncdrop::async_drop_traits<T>.");
        if (core_.holds_value()) [[unlikely]] {
            core_.report(type());
            std::destroy_at(&value_);
        }
    }

    /// Cleans the T up and destroys it.
    ///
    /// Errors: whatever the cleanup throws, or its error value as an exception; the guard is dropped and the
    /// T destroyed all the same. Only if the cleanup's frame cannot be allocated (std::bad_alloc before it
    /// started) does the guard stay armed. On an empty or dropped guard: success, nothing happens; during
    /// another drop: misuse.
    /// Cancellation: shielded once it has started; see even_if_cancelled.hpp for how to start it.
    /// The guard must stay where it is until the awaitable has completed.
    [[nodiscard("async_drop does nothing until it is awaited")]] asio::awaitable<void> async_drop()& {
        return detail::run_drop(Operation(*this));
    }
    asio::awaitable<void> async_drop()&& = delete;

    /// The same for callers that are no coroutines: runs the cleanup on `executor`. `token` is any completion
    /// token for void(std::exception_ptr): a callback, use_future, detached, ... A cancellation slot that is
    /// bound to it is ignored.
    template <detail::ExecutorArgument Executor, class Token>
    auto async_drop(const Executor& executor, Token&& token)& {
        return detail::drop_with_token(*this, asio::any_io_executor(executor), std::forward<Token>(token));
    }

    /// The same on the token's own executor, bound to it with bind_executor. With use_awaitable it is
    /// async_drop().
    template <class Token>
    auto async_drop(Token && token)& {
        return detail::drop_with_token(*this, std::forward<Token>(token));
    }
    template <class... Args>
    requires(sizeof...(Args) > 0) void async_drop(Args && ...)&& = delete;

    /// The same at once, for a T whose cleanup is a plain noexcept function.
    void drop_now()& noexcept requires SyncDroppable<T> {
        if (!core_.wants_drop(type())) return;
        core_.begin_drop();
        async_drop_traits<T>::async_drop(value_);
        finish();
    }
    void drop_now()&& = delete;

    /// Whether async_drop() has completed.
    bool is_dropped() const noexcept {
        return core_.state() == detail::DropState::dropped;
    }

    /// Whether there is a live T inside.
    explicit operator bool() const noexcept {
        return core_.armed();
    }

    T* operator->()& noexcept {
        return get();
    }
    const T* operator->() const& noexcept {
        return get();
    }
    T* operator->()&& = delete;
    const T* operator->() const&& = delete;

    T& operator*()& noexcept {
        return *get();
    }
    const T& operator*() const& noexcept {
        return *get();
    }
    T& operator*()&& = delete;
    const T& operator*() const&& = delete;

    /// Turns the T into something else that then owns the duty: the guard of f(T&&). The result keeps the
    /// creation site. If f throws, this guard stays armed, with what f left of its T.
    template <class F>
    auto map_unsafe(F && f)&&->AsyncDropGuard<std::decay_t<std::invoke_result_t<F, T&&>>> {
        using Mapped = AsyncDropGuard<std::decay_t<std::invoke_result_t<F, T&&>>>;
        get();
        Mapped mapped = Mapped::adopt(std::invoke(std::forward<F>(f), std::move(value_)), core_.site());
        detail::CoreAccess::core(mapped).note_moved_from(core_);
        let_go();
        return mapped;
    }

    /// Takes the T out without cleaning it up; the duty passes to the caller. Only T's own code can make the
    /// key, for functions of T that consume their object.
    T unsafe_into_inner_dont_drop(UnwrapKey<T>)&& noexcept {
        get();
        T value = std::move(value_);
        let_go();
        return value;
    }

    /// Moves the T to the heap. If the allocation fails (std::bad_alloc), this guard keeps it.
    AsyncDropBox<T> into_box()&&;  // in box.hpp

    void swap(AsyncDropGuard & other) noexcept {
        AsyncDropGuard kept = std::move(other);
        other = std::move(*this);
        *this = std::move(kept);
    }
    friend void swap(AsyncDropGuard & a, AsyncDropGuard & b) noexcept {
        a.swap(b);
    }

    /// Where the T was made, for messages.
    CreationSite creation_site() const noexcept {
        return core_.site();
    }

    /// The name of T, for messages.
    static constexpr std::string_view resource_name() noexcept {
        return type();
    }

  private:
    template <class U, class... Args>
    friend AsyncDropGuard<U> make_guard_at(CreationSite site, Args && ... args);
    friend struct detail::CoreAccess;

    class Operation {
      public:
        explicit Operation(AsyncDropGuard& guard) noexcept : guard_(&guard) {}
        detail::GuardCore& core() const noexcept { return guard_->core_; }
        std::string_view type() const noexcept { return AsyncDropGuard::type(); }
        auto start() const { return async_drop_traits<T>::async_drop(guard_->value_); }
        void finish() const noexcept { guard_->finish(); }

      private:
        AsyncDropGuard* guard_;
    };

    template <class... Args>
    explicit AsyncDropGuard(CreationSite site, Args && ... args) {
        static_assert_movable();
        detail::Access::construct<T>(static_cast<void*>(std::addressof(value_)), std::forward<Args>(args)...);
        core_.arm(site, type());  // only now: a constructor that throws leaves nothing to drop
    }

    static constexpr std::string_view type() noexcept {
        return detail::type_name<T>();
    }

    static constexpr void static_assert_movable() noexcept {
        static_assert(std::is_nothrow_move_constructible_v<T>,
                      "AsyncDropGuard<T> holds its T inline, so T must be nothrow move constructible; "
                      "use AsyncDropBox<T> (make_box) for other types");
    }

    T* get() noexcept {
        core_.check_usable(type());
        return std::addressof(value_);
    }
    const T* get() const noexcept {
        core_.check_usable(type());
        return std::addressof(value_);
    }

    void take(AsyncDropGuard & other) noexcept {
        if (other.core_.holds_value()) {
            std::construct_at(std::addressof(value_), std::move(other.value_));
            std::destroy_at(std::addressof(other.value_));
        }
        core_.take(other.core_);
    }

    void let_go() noexcept {
        std::destroy_at(std::addressof(value_));
        core_.make_empty();
    }

    void finish() noexcept {
        std::destroy_at(std::addressof(value_));
        core_.end_drop();
    }

    union {
        T value_;
    };
    detail::GuardCore core_;
};

/// Makes a T in place, T(Passkey<T>, args...) if there is such a constructor and T(args...) otherwise, and
/// guards it. `site` is what reports name. If the constructor throws, there is nothing to drop.
template <class T, class... Args>
[[nodiscard]] AsyncDropGuard<T> make_guard_at(CreationSite site, Args&&... args) {
    return AsyncDropGuard<T>(site, std::forward<Args>(args)...);
}

/// make_guard<T>(args...): as make_guard_at, with the place of this call as the creation site. A factory that
/// wants its own caller reported passes a CreationSite as the last argument.
ASYNCDROP_DETAIL_BY_ARITY(AsyncDropGuard, make_guard)

}  // namespace asyncdrop

#include <asyncdrop/box.hpp>
