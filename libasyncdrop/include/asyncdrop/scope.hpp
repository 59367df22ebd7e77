// AsyncDropScope: background coroutines that have an owner.
//
//     auto scope = asyncdrop::AsyncDropScope::create(executor);      // a guard of the scope
//     scope->spawn("ping", ping(server));                            // a coroutine,
//     scope->spawn("pong", [this] { return pong(); });               // or a function that makes one
//     auto counting = scope->spawn("count", count(), asio::use_awaitable);
//     int n = co_await std::move(counting);                          // somebody waits for its result
//     ...
//     co_await scope.async_drop();     // nobody gets in any more; joins all tasks, throws what has failed
//
// Contract:
//  * a task begins on a strand of its own on the scope's executor, never inside spawn();
//  * once the drop has begun, spawn() throws ScopeClosed, and the coroutine is still its caller's;
//  * the drop returns when every task has ended. With WhenDropped::cancel they are asked to cancel first. So
//    they are if the drop is itself cancelled (cancel_after of a TeardownGraph); it joins them all the same;
//  * no error is lost: those of tasks without a completion token are thrown by the drop, one as itself,
//    several as an AsyncDropError that names them in the order of their ends. A task that ends with
//    operation_aborted after it was asked to cancel has not failed;
//  * what a task uses must live until the drop has ended. A task that awaits the drop of its own scope waits
//    for itself.
//
// Tasks may spawn into their scope, through a reference to the AsyncDropScope: one in a guard moves with the
// guard, one in an AsyncDropBox stays.
//
// Threads: everything but the drop from any thread; the drop like any guard's.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/detail/task_bodies.hpp>
#include <asyncdrop/detail/task_group.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/occupant.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncdrop {

/// What spawn() throws once the scope is being dropped.
class ScopeClosed : public std::runtime_error {
  public:
    ScopeClosed();
};

/// What the drop of a scope does about the tasks that are running.
enum class WhenDropped {
    join,    ///< waits for them
    cancel,  ///< asks them to cancel, then waits for them
};

/// The owner of background coroutines, which it joins when it is dropped.
class AsyncDropScope {
  public:
    /// For make_guard and make_box.
    AsyncDropScope(Passkey<AsyncDropScope>, asio::any_io_executor executor,
                   WhenDropped when_dropped = WhenDropped::join);

    /// A guarded empty scope, whose tasks run on `executor`; its context must be running until the drop has
    /// ended.
    static AsyncDropGuard<AsyncDropScope> create(asio::any_io_executor executor,
                                                 WhenDropped when_dropped = WhenDropped::join,
                                                 CreationSite site = CreationSite::here());

    AsyncDropScope(AsyncDropScope&&) noexcept = default;
    AsyncDropScope& operator=(AsyncDropScope&&) = delete;

    /// A scope that was not dropped, which its guard has reported, lets nobody in any more and asks its tasks
    /// to cancel; they end without it, and what fails is printed.
    ~AsyncDropScope();

    /// Starts a task. `work` is an asio::awaitable<void> by rvalue, or a function that returns one: it is
    /// called once, lives until its coroutine has ended, and may be a lambda with captures. `name` and `site`
    /// are what reports say.
    ///
    /// Errors, after which nothing has started: ScopeClosed, and `work` is untouched; std::bad_alloc, and an
    /// awaitable is untouched. (Asio's strands take no such care: in Boost 1.81 one that finds no memory while it
    /// is made or run ends the program.) The task's own error is thrown by the drop.
    template <detail::TaskWork Work>
        requires(std::is_void_v<detail::work_result_t<Work>>)
    void spawn(std::string_view name, Work&& work, CreationSite site = CreationSite::here()) {
        using Kept = std::decay_t<Work>;
        detail::TaskGroup::Place place = enter(*group_, name, site);
        auto body = std::make_unique<detail::PlainBody<Kept>>(std::forward<Work>(work));
        if constexpr (detail::CoroutineWork<Work>) {
            try {
                place.start(body);
            } catch (...) {
                work = std::move(body->work());
                throw;
            }
        } else {
            place.start(body);
        }
    }

    /// The same for somebody who waits for the task: `token` is any completion token for
    /// void(std::exception_ptr), or void(std::exception_ptr, R) if the task returns an R. It gets the task's
    /// error instead of the drop, and ScopeClosed and std::bad_alloc as well.
    ///
    /// Cancellation: a request through the token's slot is handed on to the task.
    template <detail::TaskWork Work, class Token>
        requires(!std::same_as<std::remove_cvref_t<Token>, CreationSite>)
    auto spawn(std::string_view name, Work&& work, Token&& token, CreationSite site = CreationSite::here()) {
        using R = detail::work_result_t<Work>;
        using Signature = typename detail::TaskSignature<R>::type;
        return asio::async_initiate<Token, Signature>(StartTask<R>(group_), token, std::string(name),
                                                      std::decay_t<Work>(std::forward<Work>(work)), site);
    }

    /// How many tasks are running.
    std::size_t size() const noexcept { return group_->size(); }
    /// Whether nobody gets in any more.
    bool closed() const noexcept { return group_->closed(); }
    /// The tasks that are running, the oldest first.
    [[nodiscard]] std::vector<Occupant> occupants() const { return group_->occupants(); }

    /// Closes the scope, joins its tasks and throws what has failed. Called by the guard.
    asio::awaitable<void> async_drop_impl();

    /// What the drop waits for, for a TeardownGraph's sentences.
    std::function<std::string()> drop_progress() const;

  private:
    using Group = std::shared_ptr<detail::TaskGroup>;

    template <class R>
    class StartTask {
      public:
        explicit StartTask(Group group) noexcept : group_(std::move(group)) {}

        template <class Handler, class Work>
        void operator()(Handler&& handler, const std::string& name, Work work, CreationSite site) const {
            using Body = detail::DeliveringBody<std::decay_t<Handler>, Work, R>;
            std::unique_ptr<Body> body;
            try {
                body = std::make_unique<Body>(std::forward<Handler>(handler), std::move(work),
                                              group_->executor());
            } catch (...) {
                fail(std::forward<Handler>(handler), std::current_exception());
                return;
            }
            try {
                detail::TaskGroup::Place place = enter(*group_, name, site);
                place.start(body);
            } catch (...) {
                body->deliver(std::current_exception());
            }
        }

      private:
        template <class Handler>
        static void fail(Handler&& handler, const std::exception_ptr& error) {
            if constexpr (std::is_void_v<R>) {
                std::forward<Handler>(handler)(error);
            } else {
                std::forward<Handler>(handler)(error, R());
            }
        }

        Group group_;
    };

    static detail::TaskGroup::Place enter(detail::TaskGroup& group, std::string_view name, CreationSite site);

    static asio::awaitable<void> drop(Group group, WhenDropped when_dropped, asio::awaitable<void> joining);

    Group group_;
    WhenDropped when_dropped_;
};

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/scope.ipp>
#endif
