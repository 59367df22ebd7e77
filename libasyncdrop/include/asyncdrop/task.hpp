// AsyncDropTask: one background coroutine, as a guard.
//
//     asio::awaitable<void> write_back_regularly(asyncdrop::TaskControl& control) {
//         while (!control.stopping()) {
//             co_await control.wait_for(std::chrono::seconds(5));     // or until it is woken, or stopped
//             co_await write_back();
//         }
//     }
//     auto flusher = asyncdrop::AsyncDropTask::start(executor, "flusher", write_back_regularly);
//     flusher->wake();
//     co_await flusher.async_drop();            // asks it to stop, joins it, throws its error
//
// Contract:
//  * a body that takes a TaskControl& is asked to stop through it, and comes to its end by itself. A body
//    that takes nothing is cancelled;
//  * the drop returns when the body has ended. If the drop is itself cancelled (cancel_after of a
//    TeardownGraph), so is the body, whatever it takes; it is joined all the same;
//  * a body that fails before that keeps its error for the drop. operation_aborted after a cancellation is no
//    error;
//  * what the body uses must live until the drop has ended.
// The body runs on a strand of its own on the executor, and never begins inside start().
//
// Threads: wake(), stopping() and has_ended() from any thread; the drop like any guard's. A TaskControl's
// waits are the body's, one at a time.
#pragma once

#include <asyncdrop/detail/access.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/detail/saturated.hpp>
#include <asyncdrop/detail/task_bodies.hpp>
#include <asyncdrop/detail/task_group.hpp>
#include <asyncdrop/detail/wait_list.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asyncdrop {

/// What the body of an AsyncDropTask is told to stop by, and waits with. It lives as long as the body.
class TaskControl : public std::enable_shared_from_this<TaskControl> {
  public:
    /// For the library.
    explicit TaskControl(Passkey<TaskControl>) {}
    TaskControl(const TaskControl&) = delete;
    TaskControl& operator=(const TaskControl&) = delete;

    /// Whether the task is to come to its end.
    bool stopping() const noexcept;

    /// Returns when the task is woken or asked to stop; at once, if that has been since the last wait. One
    /// wait at a time. Errors: operation_aborted when cancelled; std::bad_alloc.
    [[nodiscard]] asio::awaitable<void> wait();

    /// The same, at the latest after `duration`, of which one that is too long for the clock means never.
    template <class Rep, class Period>
    [[nodiscard]] asio::awaitable<void> wait_for(std::chrono::duration<Rep, Period> duration) {
        return wait_until(shared_from_this(), detail::from_now(duration));
    }

    /// Lets the body's wait return: the one that is under way, or else the next one.
    void wake() noexcept;

  private:
    friend class AsyncDropTask;
    using Time = std::chrono::steady_clock::time_point;

    class Entry;

    static asio::awaitable<void> wait_until(std::shared_ptr<TaskControl> self, Time until);
    void time_is_over(std::uint64_t number) noexcept;
    void stop() noexcept;

    mutable std::mutex mutex_;
    detail::WaitList waiting_;  // one at most
    std::uint64_t wait_number_ = 0;
    bool woken_ = false;
    bool stopping_ = false;
};

namespace detail {

// A body that is asked to stop through a TaskControl.
template <class F>
concept ControlledBody = std::invocable<F&, TaskControl&> &&
                         std::same_as<std::invoke_result_t<F&, TaskControl&>, asio::awaitable<void>>;

// A body that is cancelled.
template <class F>
concept UncontrolledBody =
    std::invocable<F&> && std::same_as<std::invoke_result_t<F&>, asio::awaitable<void>>;

// Keeps the control for its body.
template <ControlledBody F>
class WithControl {
  public:
    WithControl(F&& body, std::shared_ptr<TaskControl> control)
        : body_(std::move(body)), control_(std::move(control)) {}
    asio::awaitable<void> operator()() { return body_(*control_); }

  private:
    F body_;
    std::shared_ptr<TaskControl> control_;
};

}  // namespace detail

/// One background coroutine, which its drop asks to stop and joins.
class AsyncDropTask {
  public:
    /// For make_guard and make_box; see start().
    template <class F>
        requires(detail::ControlledBody<F> || detail::UncontrolledBody<F>)
    AsyncDropTask(Passkey<AsyncDropTask>, asio::any_io_executor executor, std::string_view name, F body,
                  CreationSite site)
        : group_(std::make_shared<detail::TaskGroup>(std::move(executor))),
          control_(std::make_shared<TaskControl>(detail::Access::passkey<TaskControl>())),
          by_control_(detail::ControlledBody<F>) {
        auto place = group_->enter(name, site);
        if constexpr (detail::ControlledBody<F>) {
            using Body = detail::WithControl<F>;
            auto kept = std::make_unique<detail::PlainBody<Body>>(Body(std::move(body), control_));
            place->start(kept);
        } else {
            auto kept = std::make_unique<detail::PlainBody<F>>(std::move(body));
            place->start(kept);
        }
    }

    /// Starts `body` on `executor`, whose context must be running until the drop has ended. `body` returns an
    /// asio::awaitable<void> and takes a TaskControl& or nothing; it is called once, lives until its
    /// coroutine has ended, and may be a lambda with captures. `name` and `site` are what reports say. If it
    /// throws (std::bad_alloc), nothing has started. (Asio's strands take no such care: in Boost 1.81 one that
    /// finds no memory while it is made or run ends the program.)
    template <class F>
        requires(detail::ControlledBody<F> || detail::UncontrolledBody<F>)
    static AsyncDropGuard<AsyncDropTask> start(asio::any_io_executor executor, const std::string& name,
                                               F body, CreationSite site = CreationSite::here()) {
        return make_guard_at<AsyncDropTask>(site, std::move(executor), name, std::move(body), site);
    }

    AsyncDropTask(AsyncDropTask&&) noexcept = default;
    AsyncDropTask& operator=(AsyncDropTask&&) = delete;

    /// A task that was not dropped, which its guard has reported, is asked to stop and ends without it; if it
    /// fails, that is printed.
    ~AsyncDropTask();

    /// Lets the body's wait return: the one that is under way, or else the next one.
    void wake() noexcept { control_->wake(); }
    /// Whether the body has ended; its error is the drop's.
    bool has_ended() const noexcept { return group_->size() == 0; }

    /// Asks the body to stop, waits for its end and throws its error. Called by the guard.
    asio::awaitable<void> async_drop_impl();

    /// What the drop waits for, for a TeardownGraph's sentences.
    std::function<std::string()> drop_progress() const;

  private:
    using Group = std::shared_ptr<detail::TaskGroup>;

    static asio::awaitable<void> drop(Group group, std::shared_ptr<TaskControl> control, bool by_control,
                                      asio::awaitable<void> joining);

    Group group_;
    std::shared_ptr<TaskControl> control_;
    bool by_control_;
};

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/task.ipp>
#endif
