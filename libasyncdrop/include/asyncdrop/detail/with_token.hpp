// A drop with a completion token; see token_drops.hpp.
//
// A drop is a coroutine, so it needs an executor: one that is given, or the token's own.
#pragma once

#include <asyncdrop/bridge.hpp>
#include <asyncdrop/exception_to_error.hpp>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <concepts>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

namespace asio = boost::asio;

template <class Executor>
concept ExecutorArgument = std::convertible_to<const Executor&, asio::any_io_executor>;

// Whether a token says where its operation is to run, as bind_executor(executor, token) does.
template <class Token>
inline constexpr bool has_own_executor =
    !std::is_same_v<asio::associated_executor_t<std::decay_t<Token>>, asio::system_executor>;

template <class Token>
struct UsedExecutor {
    using type = void;
};
template <class Executor>
struct UsedExecutor<asio::use_awaitable_t<Executor>> {
    using type = Executor;
};

// The drop that throws, for tokens with the signature void(std::exception_ptr).
struct ThrowingDrop {
    using Outcome = void;
    using Signature = void(std::exception_ptr);
    template <class Owner>
    static asio::awaitable<void> start(Owner& owner) {
        return owner.async_drop();
    }
};

// The drop that returns its error, for tokens with the signature void(DropResult<E>).
template <class Owner>
struct TryDrop {
    using Outcome = typename Awaited<decltype(std::declval<Owner&>().try_async_drop())>::type;
    using Signature = void(Outcome);
    static asio::awaitable<Outcome> start(Owner& owner) { return owner.try_async_drop(); }
};

// A drop that may be taken back as long as it has not started.
class Withdrawal {
  public:
    bool withdraw() noexcept { return decide(State::withdrawn) == State::withdrawn; }
    bool start() noexcept { return decide(State::started) == State::started; }

  private:
    enum class State { open, started, withdrawn };
    State decide(State wanted) noexcept {
        State now = State::open;
        return state_.compare_exchange_strong(now, wanted) ? wanted : now;
    }
    std::atomic<State> state_{State::open};
};

// What a token's slot holds while its drop is under way.
class WithdrawOnRequest {
  public:
    explicit WithdrawOnRequest(std::shared_ptr<Withdrawal> withdrawal) noexcept
        : withdrawal_(std::move(withdrawal)) {}
    void operator()(asio::cancellation_type type) noexcept {
        if ((type & asio::cancellation_type::total) != asio::cancellation_type::none) withdrawal_->withdraw();
    }

  private:
    std::shared_ptr<Withdrawal> withdrawal_;
};

// A completion handler without its cancellation slot, which it clears before the handler is called.
template <class Handler>
class Slotless {
  public:
    explicit Slotless(Handler&& handler) : handler_(std::move(handler)) {}
    explicit Slotless(const Handler& handler) : handler_(handler) {}

    template <class... Args>
    void operator()(Args&&... args) {
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.clear();
        std::move(handler_)(std::forward<Args>(args)...);
    }
    const Handler& handler() const noexcept { return handler_; }

  private:
    Handler handler_;
};

// The same for a drop that returns a result: an exception becomes one.
template <class Handler>
class SlotlessTry : public Slotless<Handler> {
  public:
    using Slotless<Handler>::Slotless;

    template <class Outcome>
    void operator()(const std::exception_ptr& error, Outcome outcome) {
        using E = typename Outcome::error_type;
        if (error) outcome = Outcome(boost::system::in_place_error, exception_to_error<E>::convert(error));
        Slotless<Handler>::operator()(std::move(outcome));
    }
};

template <class Form, class Owner>
asio::awaitable<typename Form::Outcome> drop_unless_withdrawn(Owner* owner,
                                                              std::shared_ptr<Withdrawal> withdrawal) {
    if (!withdrawal->start()) throw boost::system::system_error(asio::error::operation_aborted);
    asio::awaitable<typename Form::Outcome> dropping = Form::start(*owner);
    co_return co_await std::move(dropping);
}

template <class Form>
class StartDrop {
  public:
    explicit StartDrop(asio::any_io_executor executor) noexcept : executor_(std::move(executor)) {}

    template <class Handler, class Owner>
    void operator()(Handler&& handler, Owner* owner) const {
        using Kept = std::decay_t<Handler>;
        using Finish =
            std::conditional_t<std::is_void_v<typename Form::Outcome>, Slotless<Kept>, SlotlessTry<Kept>>;
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (!slot.is_connected()) {
            asio::co_spawn(executor_, Form::start(*owner), Finish(std::forward<Handler>(handler)));
            return;
        }
        auto withdrawal = std::allocate_shared<Withdrawal>(asio::get_associated_allocator(handler));
        asio::awaitable<typename Form::Outcome> drop = drop_unless_withdrawn<Form>(owner, withdrawal);
        slot.assign(WithdrawOnRequest(std::move(withdrawal)));
        asio::co_spawn(executor_, std::move(drop), Finish(std::forward<Handler>(handler)));
    }

  private:
    asio::any_io_executor executor_;
};

// Ends as every drop does, on the stack of its caller, too.
template <class Outcome, class Executor>
asio::awaitable<Outcome, Executor> drop_across(asio::awaitable<Outcome> drop) {
    asio::awaitable<Outcome, Executor> crossing = bridge_to<Executor>(std::move(drop));
    Ending<Outcome> ending;
    try {
        if constexpr (std::is_void_v<Outcome>) {
            co_await std::move(crossing);
        } else {
            ending.result.emplace(co_await std::move(crossing));
        }
    } catch (...) {
        ending.error = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(true);
    if (ending.error) std::rethrow_exception(ending.error);
    if constexpr (!std::is_void_v<Outcome>) co_return std::move(*ending.result);
}

template <class Form, class Owner, class Token>
auto drop_with_token(Owner& owner, const asio::any_io_executor& executor, Token&& token) {
    if constexpr (!std::is_void_v<typename Form::Outcome>) {
        static_assert(
            TellsExceptions<typename Form::Outcome::error_type>,
            "try_async_drop with a token delivers every failure in the cleanup's error type, which "
            "must be able to tell an exception: specialise asyncdrop::exception_to_error for it, or "
            "use async_drop");
    }
    return asio::async_initiate<Token, typename Form::Signature>(StartDrop<Form>(executor), token, &owner);
}

template <class Form, class Owner, class Token>
auto drop_with_token(Owner& owner, Token&& token) {
    using Executor = typename UsedExecutor<std::decay_t<Token>>::type;
    if constexpr (std::is_same_v<Executor, asio::any_io_executor>) {
        return Form::start(owner);
    } else if constexpr (!std::is_void_v<Executor>) {
        return drop_across<typename Form::Outcome, Executor>(Form::start(owner));
    } else {
        static_assert(
            has_own_executor<Token>,
            "async_drop(token) needs to know where the cleanup runs, and this token has no executor "
            "of its own: call async_drop(executor, token), or bind one with bind_executor");
        return drop_with_token<Form>(owner, asio::any_io_executor(asio::get_associated_executor(token)),
                                     std::forward<Token>(token));
    }
}

}  // namespace asyncdrop::detail

// All but the slot.
template <template <class, class> class Associator, class Handler, class Default>
struct boost::asio::associator<Associator, asyncdrop::detail::Slotless<Handler>, Default>
    : Associator<Handler, Default> {
    static auto get(const asyncdrop::detail::Slotless<Handler>& bound) noexcept {
        return Associator<Handler, Default>::get(bound.handler());
    }
    static auto get(const asyncdrop::detail::Slotless<Handler>& bound, const Default& otherwise) noexcept {
        return Associator<Handler, Default>::get(bound.handler(), otherwise);
    }
};
template <template <class, class> class Associator, class Handler, class Default>
struct boost::asio::associator<Associator, asyncdrop::detail::SlotlessTry<Handler>, Default>
    : associator<Associator, asyncdrop::detail::Slotless<Handler>, Default> {};

template <class Handler, class Default>
struct boost::asio::associated_cancellation_slot<asyncdrop::detail::Slotless<Handler>, Default> {
    using type = Default;
    static Default get(const asyncdrop::detail::Slotless<Handler>&,
                       const Default& otherwise = Default()) noexcept {
        return otherwise;
    }
};
template <class Handler, class Default>
struct boost::asio::associated_cancellation_slot<asyncdrop::detail::SlotlessTry<Handler>, Default>
    : associated_cancellation_slot<asyncdrop::detail::Slotless<Handler>, Default> {};
