// Lazy<T>: a resource that is created when it is first needed.
//
//     auto open = [path] { return File::open(path); };         // a guard, or an awaitable of one
//     auto file = asyncdrop::Lazy<File>::uninitialized(open);  // a guard of the Lazy
//     File* f = co_await file->get();                          // opens it, the first time
//     co_await file.async_drop();
//
// Contract:
//  * get() creates the resource unless it exists. Callers that come meanwhile wait for that creation;
//  * a creation that fails, or is cancelled with the get() that runs it, leaves nothing behind: the next
//    get() tries again;
//  * dropping it drops the resource. One that was never created is created and dropped, as when its cleanup
//    has an effect that must happen; WhenUncreated::skip forgets it instead.
// The factory is kept until the creation has succeeded.
//
// Threads: one Lazy from one strand.
#pragma once

#include <asyncdrop/bridge.hpp>
#include <asyncdrop/detail/async_lock.hpp>
#include <asyncdrop/detail/bracket.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace asyncdrop {

/// What the drop of a Lazy does if its resource was never created.
enum class WhenUncreated {
    create_and_drop,  ///< create it, then drop it
    skip,             ///< nothing
};

namespace detail {

template <class Owner>
struct LazyFactory {
    LazyFactory() = default;
    LazyFactory(const LazyFactory&) = delete;
    LazyFactory& operator=(const LazyFactory&) = delete;
    virtual ~LazyFactory() = default;
    virtual asio::awaitable<Owner> create() = 0;
};

template <class Owner, class F>
class LazyFactoryOf final : public LazyFactory<Owner> {
  public:
    explicit LazyFactoryOf(F&& function) : function_(std::move(function)) {}

    asio::awaitable<Owner> create() override {
        if constexpr (Awaited<std::invoke_result_t<F&>>::is_awaitable) {
            return as_any(function_());
        } else {
            return call(function_);
        }
    }

  private:
    static asio::awaitable<Owner> call(F& function) { co_return function(); }

    F function_;
};

template <class Owner>
struct LazyState {
    AsyncLock creating;  // held by whoever creates
    bool dropping = false;
    WhenUncreated when_uncreated = WhenUncreated::create_and_drop;
    std::unique_ptr<LazyFactory<Owner>> factory;
    Owner owner;
};

}  // namespace detail

/// Owner is what holds the T: AsyncDropGuard<T>, or AsyncDropBox<T> or AsyncDropArc<T>.
template <class T, class Owner = AsyncDropGuard<T>>
class Lazy {
    using State = std::shared_ptr<detail::LazyState<Owner>>;

  public:
    /// For make_guard and make_box: a Lazy with a factory, or one whose resource exists.
    template <class F>
        requires(std::same_as<typename detail::Awaited<std::invoke_result_t<F&>>::type, Owner>)
    Lazy(Passkey<Lazy>, F factory, WhenUncreated when_uncreated)
        : state_(std::make_shared<detail::LazyState<Owner>>()) {
        state_->factory = std::make_unique<detail::LazyFactoryOf<Owner, F>>(std::move(factory));
        state_->when_uncreated = when_uncreated;
    }
    /// For make_guard and make_box: one whose resource exists; an empty owner is a misuse.
    Lazy(Passkey<Lazy>, Owner&& owner) : state_(std::make_shared<detail::LazyState<Owner>>()) {
        if (!owner) [[unlikely]] {
            detail::misuse("a Lazy was made of an empty guard", detail::type_name<T>(), {});
        }
        state_->owner = std::move(owner);
    }

    Lazy(Lazy&&) noexcept = default;
    Lazy& operator=(Lazy&&) = delete;

    /// A guarded Lazy that calls `factory` when it is needed; it returns an Owner or an awaitable of one, and
    /// may be a lambda with captures.
    template <class F>
    static AsyncDropGuard<Lazy> uninitialized(F factory,
                                              WhenUncreated when_uncreated = WhenUncreated::create_and_drop,
                                              CreationSite site = CreationSite::here()) {
        return make_guard_at<Lazy>(site, std::move(factory), when_uncreated);
    }

    /// A guarded Lazy whose resource exists. If an allocation fails (std::bad_alloc), `owner` keeps it.
    static AsyncDropGuard<Lazy> initialized(Owner&& owner, CreationSite site = CreationSite::here()) {
        return make_guard_at<Lazy>(site, std::move(owner));
    }

    /// The resource, never null; valid until the drop.
    ///
    /// Errors: the creation's, also one that hands an empty owner over (a misuse); operation_aborted when
    /// cancelled, or when the Lazy was dropped before the resource was there. Cancellation reaches the
    /// creation if this call runs it, else it only ends the waiting.
    [[nodiscard]] asio::awaitable<T*> get() { return get_or_create(state_); }

    /// The resource, null if it does not exist (yet).
    T* peek() noexcept { return state_->owner ? &*state_->owner : nullptr; }
    const T* peek() const noexcept { return state_->owner ? &*state_->owner : nullptr; }
    /// Whether the resource exists.
    bool is_initialized() const noexcept { return static_cast<bool>(state_->owner); }

    /// Waits for a creation that is under way, then drops the resource. Called by the guard. Cancellation:
    /// neither the wait nor the resource's cleanup sees any, also not by the cancel_after of a TeardownGraph;
    /// a creation that only this drop runs does, and if it then fails, so does the drop.
    asio::awaitable<void> async_drop_impl() {
        // What is awaited exists before the drop has begun: memory that is short then leaves the Lazy armed.
        std::shared_ptr<detail::AsyncLock> lock(state_, &state_->creating);
        return drop(state_, detail::AsyncLock::close_and_wait(std::move(lock)),
                    detail::drop_member(state_->owner));
    }

  private:
    using Answer = detail::AsyncLock::Answer;

    class Unlock {
      public:
        explicit Unlock(detail::AsyncLock& lock) noexcept : lock_(lock) {}
        Unlock(const Unlock&) = delete;
        Unlock& operator=(const Unlock&) = delete;
        ~Unlock() { lock_.release(); }

      private:
        detail::AsyncLock& lock_;
    };

    static asio::awaitable<T*> get_or_create(State state) {
        if (!state->owner) {
            std::shared_ptr<detail::AsyncLock> lock(state, &state->creating);
            const Answer answer = co_await detail::AsyncLock::wait(lock);
            if (answer == Answer::closed) throw_dropped();
            const Unlock unlock(*lock);
            if (!state->owner) {
                asio::awaitable<void> creating = create(state);
                co_await std::move(creating);
            }
        }
        if (state->dropping) throw_dropped();
        co_return &*state->owner;
    }

    static asio::awaitable<void> create(State state) {
        asio::awaitable<Owner> creating = state->factory->create();
        Owner created = co_await std::move(creating);
        if (!created) [[unlikely]] {
            detail::misuse("the factory of a Lazy returned an empty guard", detail::type_name<T>(), {});
        }
        state->owner = std::move(created);
        state->factory.reset();
    }

    static asio::awaitable<void> drop(State state, asio::awaitable<void> closing,
                                      asio::awaitable<void> cleanup) {
        state->dropping = true;
        co_await std::move(closing);
        co_await even_if_cancelled;
        if (!state->owner && state->when_uncreated == WhenUncreated::create_and_drop) {
            asio::awaitable<void> creating = create(state);
            co_await std::move(creating);
        }
        co_await even_if_cancelled;
        co_await std::move(cleanup);
    }

    [[noreturn]] static void throw_dropped() {
        throw boost::system::system_error(boost::asio::error::operation_aborted,
                                          "the resource was dropped before it was created");
    }

    State state_;
};

}  // namespace asyncdrop
