// async_drop() for callers that are no coroutines: any completion token with the signature
// void(std::exception_ptr).
//
// A drop is a coroutine, so it needs an executor: one that is given, or the token's own. A cancellation slot
// that is bound to the token is ignored: a drop is shielded.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

namespace asio = boost::asio;

template <class Executor>
concept ExecutorArgument = std::convertible_to<const Executor&, asio::any_io_executor>;

/// Whether a token says where its operation is to run, as bind_executor(executor, token) does.
template <class Token>
inline constexpr bool has_own_executor =
    !std::is_same_v<asio::associated_executor_t<std::decay_t<Token>>, asio::system_executor>;

/// A completion handler without its cancellation slot. (Asio 1.81 cannot bind a second slot over a first.)
template <class Handler>
class Slotless {
  public:
    explicit Slotless(Handler&& handler) : handler_(std::move(handler)) {}
    explicit Slotless(const Handler& handler) : handler_(handler) {}

    template <class... Args>
    void operator()(Args&&... args) {
        std::move(handler_)(std::forward<Args>(args)...);
    }
    const Handler& handler() const noexcept { return handler_; }

  private:
    Handler handler_;
};

class StartDrop {
  public:
    explicit StartDrop(asio::any_io_executor executor) noexcept : executor_(std::move(executor)) {}

    template <class Handler, class Guard>
    void operator()(Handler&& handler, Guard* guard) const {
        asio::co_spawn(executor_, guard->async_drop(),
                       Slotless<std::decay_t<Handler>>(std::forward<Handler>(handler)));
    }

  private:
    asio::any_io_executor executor_;
};

template <class Guard, class Token>
auto drop_with_token(Guard& guard, const asio::any_io_executor& executor, Token&& token) {
    return asio::async_initiate<Token, void(std::exception_ptr)>(StartDrop(executor), token, &guard);
}

template <class Guard, class Token>
auto drop_with_token(Guard& guard, Token&& token) {
    if constexpr (std::is_same_v<std::decay_t<Token>, asio::use_awaitable_t<>>) {
        return guard.async_drop();
    } else {
        static_assert(
            has_own_executor<Token>,
            "async_drop(token) needs to know where the cleanup runs, and this token has no executor "
            "of its own: call async_drop(executor, token), or bind one with bind_executor");
        return drop_with_token(guard, asio::any_io_executor(asio::get_associated_executor(token)),
                               std::forward<Token>(token));
    }
}

}  // namespace asyncdrop::detail

template <class Handler, class Default>
struct boost::asio::associated_executor<asyncdrop::detail::Slotless<Handler>, Default> {
    using type = associated_executor_t<Handler, Default>;
    static type get(const asyncdrop::detail::Slotless<Handler>& bound,
                    const Default& otherwise = Default()) noexcept {
        return associated_executor<Handler, Default>::get(bound.handler(), otherwise);
    }
};

template <class Handler, class Default>
struct boost::asio::associated_allocator<asyncdrop::detail::Slotless<Handler>, Default> {
    using type = associated_allocator_t<Handler, Default>;
    static type get(const asyncdrop::detail::Slotless<Handler>& bound,
                    const Default& otherwise = Default()) noexcept {
        return associated_allocator<Handler, Default>::get(bound.handler(), otherwise);
    }
};
