// AsyncDropResult<T, E>: a guarded resource, or the error that came instead of it.
//
//     auto result = asyncdrop::AsyncDropResult<File, std::error_code>::success(std::move(file));   // a guard
//     if (result->has_value()) co_await (*result)->write(data);
//     co_await result.async_drop();                    // drops the file; does nothing for an error
//
// For code that stores or passes on the outcome of an acquisition as one thing that is dropped on every path.
//
// Contract: dropping it acts on the resource only; an error is no failure of the drop. take() gives guard or
// error back and with it the duty.
//
// Threads: one result from one strand.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/shield.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace asyncdrop {

/// Owner is what holds the T: AsyncDropGuard<T>, or AsyncDropBox<T> or AsyncDropArc<T>.
template <class T, class E = std::exception_ptr, class Owner = AsyncDropGuard<T>>
class AsyncDropResult {
    static_assert(std::is_nothrow_move_constructible_v<E>,
                  "AsyncDropResult<T, E>: E must be nothrow move constructible, like everything in a guard");

  public:
    /// The resource's type.
    using value_type = T;
    /// The error's type.
    using error_type = E;
    /// The guard, box or Arc that holds the resource.
    using owner_type = Owner;

    /// For make_guard and make_box.
    AsyncDropResult(Passkey<AsyncDropResult>, Owner&& owner)
        : content_(std::in_place_index<0>, std::move(owner)) {
        if (!std::get<0>(content_)) [[unlikely]] {
            detail::misuse("a result was made of an empty guard", detail::type_name<T>(), {});
        }
    }
    AsyncDropResult(Passkey<AsyncDropResult>, std::in_place_type_t<E>, E error)
        : content_(std::in_place_index<1>, std::move(error)) {}

    AsyncDropResult(AsyncDropResult&&) noexcept = default;
    AsyncDropResult& operator=(AsyncDropResult&&) = delete;

    /// A guarded result that holds a live resource; an empty guard is a misuse.
    static AsyncDropGuard<AsyncDropResult> success(Owner&& owner, CreationSite site = CreationSite::here()) {
        return make_guard_at<AsyncDropResult>(site, std::move(owner));
    }

    /// A guarded result that holds an error. It is dropped like any other.
    static AsyncDropGuard<AsyncDropResult> failure(E error, CreationSite site = CreationSite::here()) {
        return make_guard_at<AsyncDropResult>(site, std::in_place_type<E>, std::move(error));
    }

    /// A guarded result made of a plain one (boost::system::result or alike), whose guard is taken out.
    template <detail::ResultLike R>
    static AsyncDropGuard<AsyncDropResult> from(R&& result, CreationSite site = CreationSite::here()) {
        static_assert(!std::is_lvalue_reference_v<R>, "the guard is taken out: pass std::move(result)");
        if (result.has_value()) return success(std::move(*result), site);
        return failure(std::move(result).error(), site);
    }

    /// Whether there is a resource, and no error.
    bool has_value() const noexcept { return content_.index() == 0; }
    /// Whether there is a resource, and no error.
    explicit operator bool() const noexcept { return has_value(); }

    /// The resource; asking an error for it is a misuse.
    T& value() & noexcept { return *owner(); }
    const T& value() const& noexcept { return *const_cast<AsyncDropResult*>(this)->owner(); }
    /// The resource; asking an error for it is a misuse.
    T* operator->() & noexcept { return &value(); }
    const T* operator->() const& noexcept { return &value(); }
    T& operator*() & noexcept { return value(); }
    const T& operator*() const& noexcept { return value(); }

    /// The resource, null if there is an error instead.
    T* get_if() noexcept { return has_value() ? &value() : nullptr; }
    const T* get_if() const noexcept { return has_value() ? &value() : nullptr; }

    /// The error; asking a resource for it is a misuse.
    const E& error() const noexcept {
        if (has_value()) [[unlikely]] {
            detail::misuse("the error of a result was asked for that holds a resource",
                           detail::type_name<AsyncDropResult>(), {});
        }
        return *std::get_if<1>(&content_);
    }

    /// Guard or error, out of `result`, which is left empty; the guard wants its drop.
    [[nodiscard]] static boost::system::result<Owner, E> take(AsyncDropGuard<AsyncDropResult>& result) {
        AsyncDropResult inner = std::move(result).unsafe_into_inner_dont_drop(UnwrapKey<AsyncDropResult>());
        if (inner.has_value()) {
            return boost::system::result<Owner, E>(boost::system::in_place_value, std::move(inner.owner()));
        }
        return boost::system::result<Owner, E>(boost::system::in_place_error,
                                               std::move(*std::get_if<1>(&inner.content_)));
    }

    /// Drops the resource, if there is one. Called by the guard.
    asio::awaitable<void> async_drop_impl() {
        if (!has_value()) return detail::nothing_to_await();
        return detail::drop_member(owner());
    }

  private:
    Owner& owner() noexcept {
        Owner* const held = std::get_if<0>(&content_);
        if (!held) [[unlikely]] {
            detail::misuse("the resource of a result was asked for that holds an error",
                           detail::type_name<AsyncDropResult>(), {});
        }
        return *held;
    }

    std::variant<Owner, E> content_;
};

}  // namespace asyncdrop
