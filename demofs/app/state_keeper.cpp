// The file holds what was durable when it was written: an old one is no lie, only a shorter memory.
#include "demofs/app/state_keeper.hpp"

#include <asyncdrop/drop_in_order.hpp>
#include <exception>
#include <string>
#include <utility>

#include "demofs/base/error.hpp"

namespace demofs::app {

namespace asio = boost::asio;

asyncdrop::AsyncDropBox<StateKeeper> StateKeeper::make(LocalStateFile file, const ReplicaId& replica,
                                                       std::optional<LocalState> stored, Notice notice) {
    return asyncdrop::make_box<StateKeeper>(std::move(file), replica, std::move(stored), std::move(notice));
}

StateKeeper::StateKeeper(asyncdrop::Passkey<StateKeeper>, LocalStateFile file, const ReplicaId& replica,
                         std::optional<LocalState> stored, Notice notice)
    : file_(std::move(file)),
      replica_(replica),
      stored_(std::move(stored)),
      notice_(std::move(notice)),
      thread_(WorkerPool::make(1)) {}

asio::awaitable<void> StateKeeper::start(asio::any_io_executor executor, std::chrono::milliseconds interval,
                                         Newest newest) {
    interval_ = interval;
    newest_ = std::move(newest);
    co_await save();
    background_ = asyncdrop::AsyncDropTask::start(
        std::move(executor), "local state",
        [this](asyncdrop::TaskControl& control) { return save_regularly(control); });
}

asio::awaitable<void> StateKeeper::save_regularly(asyncdrop::TaskControl& control) {
    while (!control.stopping()) {
        co_await control.wait_for(interval_);
        co_await save();
    }
}

asio::awaitable<void> StateKeeper::save() {
    const LocalState now{replica_, newest_()};
    if (stored_ == now) co_return;
    const auto write = [this, &now] { file_.write(now); };
    std::exception_ptr failed;
    try {
        co_await thread_->run(write);
    } catch (...) {
        failed = std::current_exception();
    }
    if (!failed) {
        stored_ = now;
        co_return;
    }
    if (!std::exchange(told_, true)) {
        notice_(
            "this machine cannot remember the vault's state, so it will not notice if the vault becomes "
            "older: " +
            describe(failed));
    }
}

asio::awaitable<void> StateKeeper::async_drop_impl() {
    co_await background_.async_drop();
    if (newest_) co_await save();
    co_await thread_.async_drop();
}

}  // namespace demofs::app
