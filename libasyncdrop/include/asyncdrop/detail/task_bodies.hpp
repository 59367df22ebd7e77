// What a task of a TaskGroup may do: a coroutine that exists, a function that makes one, and either of them
// with a completion handler that gets the outcome.
//
// Threads: a body is made by one thread and then used on the task's strand. The handler is called on its own
// executor, which has work as long as the task runs.
#pragma once

#include <asyncdrop/detail/bracket.hpp>
#include <asyncdrop/detail/spawn.hpp>
#include <asyncdrop/detail/task_group.hpp>
#include <asyncdrop/detail/with_token.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

namespace asio = boost::asio;

// A coroutine that has not begun, by rvalue.
template <class Work>
concept CoroutineWork = !std::is_lvalue_reference_v<Work> && Awaited<std::remove_cvref_t<Work>>::is_awaitable;

template <class Work>
struct WorkResult {
    using made = std::invoke_result_t<std::decay_t<Work>&>;
    using type = typename Awaited<made>::type;
    static constexpr bool fits = Awaited<made>::is_awaitable &&
                                 std::same_as<typename Awaited<made>::executor_type, asio::any_io_executor>;
};
template <CoroutineWork Work>
struct WorkResult<Work> {
    using type = typename Awaited<Work>::type;
    static constexpr bool fits = std::same_as<typename Awaited<Work>::executor_type, asio::any_io_executor>;
};

// A coroutine of the library's own kind, by rvalue, or a function that returns one: a task runs on a strand
// that no other executor type stands for.
template <class Work>
concept TaskWork = (CoroutineWork<Work> || std::invocable<std::decay_t<Work>&>) && WorkResult<Work>::fits;

template <class Work>
using work_result_t = typename WorkResult<Work>::type;

// What a handler is told of a task that returns an R.
template <class R>
struct TaskSignature {
    using type = void(std::exception_ptr, R);
};
template <>
struct TaskSignature<void> {
    using type = void(std::exception_ptr);
};

// Starts a piece of work that is kept.
template <class Kept>
auto start_work(Kept& work) {
    if constexpr (Awaited<Kept>::is_awaitable) {
        return std::move(work);
    } else {
        return work();
    }
}

template <class Kept>
class PlainBody final : public TaskBody {
  public:
    explicit PlainBody(Kept&& work) : work_(std::move(work)) {}
    explicit PlainBody(const Kept& work) : work_(work) {}
    asio::awaitable<void> start() override { return start_work(work_); }
    Kept& work() noexcept { return work_; }

  private:
    Kept work_;
};

// The outcome of a task on its way to a handler.
template <class Handler, class R>
class Outcome {
  public:
    Outcome(Handler&& handler, std::exception_ptr error, std::optional<R>&& result)
        : handler_(std::move(handler)), error_(std::move(error)), result_(std::move(result)) {}
    void operator()() {
        if (error_ || !result_) {
            std::move(handler_)(error_, R());
        } else {
            std::move(handler_)(error_, std::move(*result_));
        }
    }

  private:
    Handler handler_;
    std::exception_ptr error_;
    std::optional<R> result_;
};
template <class Handler>
class Outcome<Handler, void> {
  public:
    Outcome(Handler&& handler, std::exception_ptr error)
        : handler_(std::move(handler)), error_(std::move(error)) {}
    void operator()() { std::move(handler_)(error_); }

  private:
    Handler handler_;
    std::exception_ptr error_;
};

template <class Handler, class Kept, class R>
class DeliveringBody final : public TaskBody {
    using Executor = asio::associated_executor_t<Handler, asio::any_io_executor>;

  public:
    template <class H>
    DeliveringBody(H&& handler, Kept&& work, const asio::any_io_executor& otherwise)
        : guard_(asio::get_associated_executor(handler, otherwise)),
          handler_(std::forward<H>(handler)),
          work_(std::move(work)) {}

    void connect(const TaskCancellation& cancellation) override {
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (!slot.is_connected()) return;
        slot.assign([cancellation](asio::cancellation_type type) { cancellation.request(type); });
    }

    asio::awaitable<void> start() override {
        if constexpr (std::is_void_v<R>) {
            return start_work(work_);
        } else {
            return keep_result(start_work(work_), result_);
        }
    }

    bool deliver(const std::exception_ptr& error) noexcept override {
        const auto executor = guard_.get_executor();
        auto told = outcome(error);
        const auto relayed = relay_handler(std::move(told));
        if (!relayed) {  // no memory for the way: tell it here
            told();
            return true;
        }
        try {
            asio::dispatch(executor, [relayed] { relayed->deliver(); });
        } catch (...) {
            relayed->deliver();
        }
        return true;
    }

  private:
    using Called = Slotless<Handler>;

    static asio::awaitable<void> keep_result(asio::awaitable<R> work, std::optional<R>& result) {
        result.emplace(co_await std::move(work));
    }

    auto outcome(const std::exception_ptr& error) {
        if constexpr (std::is_void_v<R>) {
            return Outcome<Called, void>(Called(std::move(handler_)), error);
        } else {
            return Outcome<Called, R>(Called(std::move(handler_)), error, std::move(result_));
        }
    }

    asio::executor_work_guard<Executor> guard_;
    Handler handler_;
    Kept work_;
    std::conditional_t<std::is_void_v<R>, std::nullptr_t, std::optional<R>> result_{};
};

}  // namespace asyncdrop::detail
