// Background coroutines: AsyncDropScope beside what makes them cancellable and joinable by hand.
#include <asyncdrop/scope.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <list>

#include "cases.hpp"

namespace asyncdrop_bench {
namespace {

constexpr int task_count = 64;

asio::awaitable<void> scope(benchmark::State& state) {
    Wire wire;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (auto _ : state) {
        auto tasks = asyncdrop::AsyncDropScope::create(executor);
        for (int i = 0; i < task_count; ++i) tasks->spawn("task", say_goodbye<Cleanup::ends_at_once>(wire));
        co_await tasks.async_drop();
    }
    state.SetItemsProcessed(state.iterations() * task_count);
}

/// Each coroutine has a strand, on which its signal is to be emitted; the last one to end wakes who joins.
class Tasks {
  public:
    explicit Tasks(asio::any_io_executor executor)
        : executor_(std::move(executor)), ended_(executor_, asio::steady_timer::time_point::max()) {}

    void spawn(asio::awaitable<void> work) {
        const auto task = tasks_.emplace(tasks_.end(), executor_);
        const auto end = [this, task](const std::exception_ptr& error) {
            if (error && !error_) error_ = error;
            tasks_.erase(task);
            if (tasks_.empty()) ended_.cancel();
        };
        asio::co_spawn(task->strand, std::move(work), asio::bind_cancellation_slot(task->signal.slot(), end));
    }

    asio::awaitable<void> join() {
        while (!tasks_.empty()) {
            boost::system::error_code ignored;
            co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        if (error_) std::rethrow_exception(error_);
    }

  private:
    struct Task {
        explicit Task(const asio::any_io_executor& executor) : strand(asio::make_strand(executor)) {}
        asio::any_io_executor strand;
        asio::cancellation_signal signal;
    };

    asio::any_io_executor executor_;
    std::list<Task> tasks_;
    asio::steady_timer ended_;
    std::exception_ptr error_;
};

asio::awaitable<void> scope_by_hand(benchmark::State& state) {
    Wire wire;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (auto _ : state) {
        Tasks tasks(executor);
        for (int i = 0; i < task_count; ++i) tasks.spawn(say_goodbye<Cleanup::ends_at_once>(wire));
        co_await tasks.join();
    }
    state.SetItemsProcessed(state.iterations() * task_count);
}

const Case scope_case("scope, 64 tasks spawned and joined", 0, scope, scope_by_hand);

}  // namespace
}  // namespace asyncdrop_bench
