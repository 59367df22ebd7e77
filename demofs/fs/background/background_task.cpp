// Two timers that never expire by themselves serve as events: `alarm_` ends a sleep, `ended_` tells of the
// end.
#include "demofs/fs/background/background_task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace demofs::fs {

namespace asio = boost::asio;

BackgroundTask::BackgroundTask(asio::any_io_executor executor)
    : executor_(std::move(executor)), alarm_(executor_), ended_(executor_) {
    ended_.expires_at(asio::steady_timer::time_point::max());
}

void BackgroundTask::start(asio::awaitable<void> body) {
    running_ = true;
    asio::co_spawn(executor_, std::move(body), [this](std::exception_ptr error) {
        running_ = false;
        error_ = std::move(error);
        ended_.cancel();
    });
}

asio::awaitable<void> BackgroundTask::sleep(std::optional<std::chrono::milliseconds> time) {
    if (!woken_ && !stopping_) {  // a wake-up that came before the sleep counts
        if (time) {
            alarm_.expires_after(*time);
        } else {
            alarm_.expires_at(asio::steady_timer::time_point::max());
        }
        boost::system::error_code interrupted;
        auto token = asio::redirect_error(asio::use_awaitable, interrupted);
        co_await alarm_.async_wait(token);
    }
    woken_ = false;
}

asio::awaitable<void> BackgroundTask::yield() {
    co_await asio::post(executor_, asio::use_awaitable);
}

void BackgroundTask::wake() {
    woken_ = true;
    alarm_.cancel();
}

asio::awaitable<void> BackgroundTask::stop() {
    stopping_ = true;
    alarm_.cancel();
    while (running_) {
        boost::system::error_code interrupted;
        auto token = asio::redirect_error(asio::use_awaitable, interrupted);
        co_await ended_.async_wait(token);
    }
    if (const std::exception_ptr error = std::exchange(error_, nullptr)) std::rethrow_exception(error);
}

}  // namespace demofs::fs
