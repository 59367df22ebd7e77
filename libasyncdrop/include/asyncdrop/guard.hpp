// AsyncDropGuard<T>: the owner of a T that must be cleaned up asynchronously before it dies.
//
//     auto file = asyncdrop::make_guard<File>(path);   // T(Passkey<T>, path) in place
//     co_await file->write(data);
//     co_await file.async_drop();                      // runs the cleanup, then destroys the T
//     auto closed = co_await file.try_async_drop();    // the same, the error as a value
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
#include <asyncdrop/detail/check_cleanup.hpp>
#include <asyncdrop/detail/core_owner.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/type_name.hpp>
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

/// Owner of a T, inside itself, that must be cleaned up asynchronously before it dies.
template <class T>
class [[nodiscard("a guard must be dropped with async_drop")]] AsyncDropGuard
    : public detail::CoreOwner<AsyncDropGuard<T>, T> {
    using Base = detail::CoreOwner<AsyncDropGuard, T>;

  public:
    /// An empty guard: holds nothing, needs no drop, and says nothing.
    AsyncDropGuard() noexcept { static_assert_movable(); }

    /// Wraps an existing value. `site` is what reports name.
    static AsyncDropGuard adopt(T&& value, CreationSite site = CreationSite::here()) noexcept {
        return AsyncDropGuard(site, std::move(value));
    }

    /// Leaves `other` empty. Moving a guard whose drop is running is a misuse.
    AsyncDropGuard(AsyncDropGuard&& other) noexcept : Base() {
        other.core_.check_movable(resource_name());
        take(other);
    }

    /// Assigning over a guard that still wants its drop is a misuse.
    AsyncDropGuard& operator=(AsyncDropGuard&& other) noexcept {
        if (this == &other) return *this;
        this->core_.check_overwritable(resource_name());
        other.core_.check_movable(resource_name());
        take(other);
        return *this;
    }

    AsyncDropGuard(const AsyncDropGuard&) = delete;
    AsyncDropGuard& operator=(const AsyncDropGuard&) = delete;

    /// Reports an armed or dropping guard to the forgotten handler, then destroys the T.
    [[gnu::always_inline]] ~AsyncDropGuard() {
        detail::check_cleanup<T>();
        if (this->core_.holds_value()) [[unlikely]] {
            die_armed();
        }
    }

    /// async_drop() at once, for a T whose cleanup is a plain noexcept function.
    void drop_now() & noexcept
        requires SyncDroppable<T>
    {
        if (!this->core_.wants_drop(resource_name())) return;
        this->core_.begin_drop();
        async_drop_traits<T>::async_drop(value_);
        finish();
    }
    void drop_now() && = delete;

    /// Turns the T into something else that then owns the duty: the guard of f(T&&). The result keeps the
    /// creation site. If f throws, this guard stays armed, with what f left of its T.
    template <class F>
    auto map_unsafe(F&& f) && -> AsyncDropGuard<std::decay_t<std::invoke_result_t<F, T&&>>> {
        using Mapped = AsyncDropGuard<std::decay_t<std::invoke_result_t<F, T&&>>>;
        this->usable();
        Mapped mapped = Mapped::adopt(std::invoke(std::forward<F>(f), std::move(value_)), this->core_.site());
        detail::CoreAccess::core(mapped).note_moved_from(this->core_);
        let_go();
        return mapped;
    }

    /// Takes the T out without cleaning it up; the duty passes to the caller. Only T's own code can make the
    /// key, for functions of T that consume their object.
    T unsafe_into_inner_dont_drop(UnwrapKey<T>) && noexcept {
        this->usable();
        T value = std::move(value_);
        let_go();
        return value;
    }

    /// Moves the T to the heap. If the allocation fails (std::bad_alloc), this guard keeps it.
    AsyncDropBox<T> into_box() &&;  // in box.hpp

    /// The name of T, for messages.
    static constexpr std::string_view resource_name() noexcept { return detail::type_name<T>(); }

  private:
    [[gnu::noinline, gnu::cold]] void die_armed() noexcept {
        this->core_.report(resource_name());
        std::destroy_at(&value_);
    }

    template <class U, class... Args>
    friend AsyncDropGuard<U> make_guard_at(CreationSite site, Args&&... args);
    friend Base;
    friend struct detail::CoreAccess;

    class Operation {
      public:
        static constexpr bool synchronous = SyncDroppable<T>;
        static constexpr bool needs_executor = detail::drops_elsewhere<T>;

        explicit Operation(AsyncDropGuard& guard) noexcept : guard_(&guard) {}
        detail::GuardCore& core() const noexcept { return guard_->core_; }
        std::string_view type() const noexcept { return resource_name(); }
        template <class Caller>
        auto start(const Caller& caller) const {
            return detail::start_cleanup(guard_->value_, caller);
        }
        void finish() const noexcept { guard_->finish(); }

      private:
        AsyncDropGuard* guard_;
    };
    template <class E>
    using ResultOperation = Operation;

    template <class... Args>
    explicit AsyncDropGuard(CreationSite site, Args&&... args) {
        static_assert_movable();
        detail::Access::construct<T>(static_cast<void*>(std::addressof(value_)), std::forward<Args>(args)...);
        this->core_.arm(site, resource_name());  // only now: a constructor that throws leaves nothing to drop
    }

    static constexpr void static_assert_movable() noexcept {
        static_assert(std::is_nothrow_move_constructible_v<T>,
                      "AsyncDropGuard<T> holds its T inline, so T must be nothrow move constructible; "
                      "use AsyncDropBox<T> (make_box) for other types");
    }

    T* value() const noexcept { return const_cast<T*>(std::addressof(value_)); }

    void take(AsyncDropGuard& other) noexcept {
        if (other.core_.holds_value()) {
            std::construct_at(std::addressof(value_), std::move(other.value_));
            std::destroy_at(std::addressof(other.value_));
        }
        this->core_.take(other.core_);
    }

    void let_go() noexcept {
        std::destroy_at(std::addressof(value_));
        this->core_.make_empty();
    }

    void finish() noexcept {
        std::destroy_at(std::addressof(value_));
        this->core_.end_drop();
    }

    union {
        T value_;
    };
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
