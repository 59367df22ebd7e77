// async_drop() and try_async_drop() for callers that are no coroutines of the library's kind: with a
// completion token. Base of every owner; its own async_drop() and try_async_drop() do the work.
//
// Cancellation of a token's slot: a request that includes cancellation_type::total takes a drop back that has
// not started; it then ends with operation_aborted and the owner stays armed. Everything else is ignored: a
// cleanup is shielded. The slot is cleared on completion.
//
// Threads: as the owner. The slot is used by the initiating call and by the completion.
#pragma once

#include <asyncdrop/detail/with_token.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <utility>

namespace asyncdrop::detail {

/// Whether there is a drop that returns its error.
template <class Owner>
concept TriesToDrop = requires(Owner& owner) { owner.try_async_drop(); };

/// Gives an owner its drops with completion tokens.
template <class Owner>
class TokenDrops {
  public:
    /// async_drop() on `executor`. `token` is any completion token for void(std::exception_ptr): a callback,
    /// use_future, deferred, detached, ... The owner must stay where it is until the completion.
    template <ExecutorArgument Executor, class Token>
    auto async_drop(const Executor& executor, Token&& token) & {
        return drop_with_token<ThrowingDrop>(self(), asio::any_io_executor(executor),
                                             std::forward<Token>(token));
    }

    /// The same on the token's own executor, bound to it with bind_executor. With use_awaitable it is
    /// async_drop(), also for coroutines of another executor type (see bridge.hpp).
    template <class Token>
    auto async_drop(Token&& token) & {
        return drop_with_token<ThrowingDrop>(self(), std::forward<Token>(token));
    }
    template <class... Args>
        requires(sizeof...(Args) > 0)
    void async_drop(Args&&...) && = delete;

    /// try_async_drop() with a token for void(DropResult<E>). E must be able to tell any exception: see
    /// exception_to_error.hpp.
    template <ExecutorArgument Executor, class Token>
        requires TriesToDrop<Owner>
    auto try_async_drop(const Executor& executor, Token&& token) & {
        return drop_with_token<TryDrop<Owner>>(self(), asio::any_io_executor(executor),
                                               std::forward<Token>(token));
    }
    /// The same on the token's own executor.
    template <class Token>
        requires TriesToDrop<Owner>
    auto try_async_drop(Token&& token) & {
        return drop_with_token<TryDrop<Owner>>(self(), std::forward<Token>(token));
    }
    template <class... Args>
        requires(sizeof...(Args) > 0)
    void try_async_drop(Args&&...) && = delete;

  protected:
    TokenDrops() noexcept = default;
    ~TokenDrops() = default;

  private:
    Owner& self() noexcept { return static_cast<Owner&>(*this); }
};

}  // namespace asyncdrop::detail
