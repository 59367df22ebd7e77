// testing::SyncDrop<T>: a guard whose destructor runs the cleanup and waits for it. For tests only.
//
//     asyncdrop::testing::SyncDrop file(open_file());   // cleaned up at the end of the scope
//     file->write(data);
//
// It blocks its thread, so it has no place in a program: that is why it has a CMake target of its own
// (asyncdrop::testing).
//
// Contract:
//  * without an executor, the cleanup runs on a context of SyncDrop's own, on the destroying thread. A
//    cleanup that needs another context (its timers, its sockets) needs that one to run on another thread;
//  * with an executor, the cleanup runs there, and its context must be running on another thread. On a thread
//    that runs that context itself, SyncDrop would wait for itself: it refuses, whether other threads run the
//    context as well or not. drop() refuses with an exception, the destructor ends the program;
//  * a cleanup that fails is thrown by drop(); in the destructor it ends the program with its message.
//
// Threads: one SyncDrop from one thread at a time; the resource's own rules apply to the cleanup.
#pragma once

#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/guard.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detail/call_stack.hpp>
#include <boost/asio/detail/scheduler.hpp>
#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <utility>

namespace asyncdrop::testing {

/// What drop() throws on a thread that runs the context of the cleanup.
class WouldWaitForItself : public std::logic_error {
  public:
    WouldWaitForItself()
        : std::logic_error(
              "SyncDrop would wait for itself: it is dropped on a thread that runs the context "
              "of the cleanup; co_await async_drop() there instead") {}
};

namespace detail {

// Whether the calling thread is inside run() of the executor's context (an io_context or a thread_pool).
inline bool runs_on_this_thread(const boost::asio::any_io_executor& executor) {
    namespace asio = boost::asio;
    using CallStack = asio::detail::call_stack<asio::detail::thread_context, asio::detail::thread_info_base>;
    asio::execution_context& context = asio::query(executor, asio::execution::context);
    if (!asio::has_service<asio::detail::scheduler>(context)) return false;
    return CallStack::contains(&asio::use_service<asio::detail::scheduler>(context)) != nullptr;
}

}  // namespace detail

/// Guard is an AsyncDropGuard<T>, or anything else that is dropped like one.
template <Droppable Guard>
class SyncDrop {
  public:
    /// Takes the duty of `guard`; with an executor, the cleanup runs there.
    explicit SyncDrop(Guard&& guard) noexcept : guard_(std::move(guard)) {}
    SyncDrop(Guard&& guard, boost::asio::any_io_executor executor) noexcept
        : guard_(std::move(guard)), executor_(std::move(executor)) {}
    SyncDrop(const SyncDrop&) = delete;
    SyncDrop& operator=(const SyncDrop&) = delete;

    ~SyncDrop() {
        try {
            drop();
        } catch (const std::exception& error) {
            end_program(error.what());
        } catch (...) {
            end_program("an exception that is not a std::exception");
        }
    }

    /// Runs the cleanup now and waits for it; nothing happens if the guard is empty or dropped already.
    /// Errors: the cleanup's; WouldWaitForItself, and the guard is untouched.
    void drop() {
        if (!wants_drop()) return;
        if (executor_) {
            if (detail::runs_on_this_thread(executor_)) throw WouldWaitForItself();
            const auto ended = std::make_shared<std::promise<void>>();  // outlives its own set_value()
            std::future<void> end = ended->get_future();
            boost::asio::co_spawn(executor_, guard_.async_drop(), [ended](const std::exception_ptr& error) {
                error ? ended->set_exception(error) : ended->set_value();
            });
            end.get();
        } else {
            boost::asio::io_context context(1);
            std::exception_ptr failure;
            boost::asio::co_spawn(context, guard_.async_drop(),
                                  [&failure](const std::exception_ptr& error) { failure = error; });
            context.run();
            if (failure) std::rethrow_exception(failure);
        }
    }

    /// What the guard holds.
    auto operator->() noexcept { return &*guard_; }
    auto operator->() const noexcept { return &*guard_; }
    decltype(auto) operator*() noexcept { return *guard_; }
    decltype(auto) operator*() const noexcept { return *guard_; }

    /// The guard itself, which stays in here.
    Guard& inner() noexcept { return guard_; }
    const Guard& inner() const noexcept { return guard_; }

    /// The guard with its duty; there is nothing left to drop here.
    [[nodiscard]] Guard into_inner_dont_drop() && noexcept { return std::move(guard_); }

  private:
    bool wants_drop() const noexcept {
        if constexpr (requires { static_cast<bool>(guard_); }) {
            return static_cast<bool>(guard_);
        } else {
            return !guard_.is_dropped();
        }
    }

    [[noreturn]] void end_program(const char* message) const noexcept {
        asyncdrop::detail::Line line;
        line << "asyncdrop: SyncDrop could not drop " << asyncdrop::detail::resource_name_of(guard_)
             << ", created at " << asyncdrop::detail::creation_site_of(guard_) << ": " << message;
        asyncdrop::detail::print_notice(line.view(), asyncdrop::detail::resource_name_of(guard_),
                                        asyncdrop::detail::creation_site_of(guard_));
        std::abort();
    }

    Guard guard_;
    boost::asio::any_io_executor executor_;
};

}  // namespace asyncdrop::testing
