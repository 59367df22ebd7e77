// What AsyncDropGuard and AsyncDropBox have in common: the drop, the access to the T, the questions.
//
// `Derived` offers to this class: `Operation` and ResultOperation<E> (see run_drop.hpp), a pointer `value()`,
// and resource_name().
//
// Threads: as the derived class.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/run_drop.hpp>
#include <asyncdrop/detail/token_drops.hpp>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

/// The error type of what an owner of a T cleans up.
template <class T>
struct OwnedError {
    /// Anything may be thrown.
    using type = std::exception_ptr;  // a base without a cleanup of its own, in a box
};
/// T's own.
template <AsyncDrop T>
struct OwnedError<T> {
    /// As async_drop_traits<T> says.
    using type = async_drop_error_t<T>;
};

/// What AsyncDropGuard and AsyncDropBox have in common.
template <class Derived, class T>
class CoreOwner : public TokenDrops<Derived> {
  public:
    /// The resource's type.
    using value_type = T;

    /// Cleans the T up and destroys it.
    ///
    /// Errors: whatever the cleanup throws, or its error value as an exception; the T is dropped and
    /// destroyed all the same. Only if the cleanup could not be started (std::bad_alloc, ExecutorMismatch)
    /// does this stay armed. If empty or dropped: success, nothing happens; during another drop: misuse.
    /// Cancellation: shielded once it has started; see even_if_cancelled.hpp for how to start it.
    /// This object must stay where it is until the awaitable has completed.
    [[nodiscard("async_drop does nothing until it is awaited")]] asio::awaitable<void> async_drop() & {
        return run_drop<true, void>(typename Derived::Operation(derived()));
    }
    asio::awaitable<void> async_drop() && = delete;
    /// Does not compile, and says why.
    template <class Const = const Derived>
    void async_drop() const& {
        static_assert(!std::is_const_v<Const>,
                      "a const guard cannot be dropped: its cleanup changes the resource, and the guard");
    }
    using TokenDrops<Derived>::async_drop;

    /// The same for code that works with results: an awaitable of DropResult<E>, E being the error type of
    /// T's cleanup (async_drop_error_t). A cleanup that returns its error involves no exception.
    ///
    /// Errors: what a cleanup throws nevertheless, and std::bad_alloc for its frame, are told in an E if that
    /// can be (exception_to_error.hpp), else thrown. The state afterwards is that of async_drop().
    [[nodiscard("try_async_drop does nothing until it is awaited")]] auto try_async_drop() & {
        return try_drop<typename OwnedError<T>::type>();
    }
    void try_async_drop() && = delete;
    using TokenDrops<Derived>::try_async_drop;

    /// Whether async_drop() has completed.
    bool is_dropped() const noexcept { return core_.state() == DropState::dropped; }

    /// Whether there is a live T inside.
    explicit operator bool() const noexcept { return core_.armed(); }

    /// The T; misuse unless there is a live one.
    T* operator->() & noexcept { return usable(); }
    const T* operator->() const& noexcept { return usable(); }
    T* operator->() && = delete;
    const T* operator->() const&& = delete;

    /// The T; misuse unless there is a live one.
    T& operator*() & noexcept { return *usable(); }
    const T& operator*() const& noexcept { return *usable(); }
    T& operator*() && = delete;
    const T& operator*() const&& = delete;

    /// Exchanges the contents. Misuse while a drop of either is running.
    void swap(Derived& other) noexcept {
        Derived kept = std::move(other);
        other = std::move(derived());
        derived() = std::move(kept);
    }
    friend void swap(Derived& a, Derived& b) noexcept { a.swap(b); }

    /// Where the T was made, for messages.
    CreationSite creation_site() const noexcept { return core_.site(); }

  protected:
    CoreOwner() noexcept = default;
    /// For a Derived that holds a T from its begin.
    CoreOwner(CreationSite site, std::string_view type) noexcept : core_(site, type) {}
    CoreOwner(const CoreOwner&) = delete;
    CoreOwner& operator=(const CoreOwner&) = delete;
    ~CoreOwner() = default;

    /// The T; misuse unless there is a live one.
    T* usable() const noexcept {
        const auto& self = static_cast<const Derived&>(*this);
        core_.check_usable(self.resource_name());
        return self.value();
    }

  private:
    friend Derived;
    friend struct CoreAccess;

    Derived& derived() noexcept { return static_cast<Derived&>(*this); }

    template <class E>
    asio::awaitable<DropResult<E>> try_drop() {
        return run_drop<true, DropResult<E>>(typename Derived::template ResultOperation<E>(derived()));
    }

    GuardCore core_;
};

}  // namespace asyncdrop::detail
