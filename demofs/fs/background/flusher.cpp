// The interval is counted from the end of a write-back: a slow store is not asked again at once.
#include "demofs/fs/background/flusher.hpp"

namespace demofs::fs {

void Flusher::start() {
    task_ = asyncdrop::AsyncDropTask::start(executor_, "flusher",
                                            [this](asyncdrop::TaskControl& control) { return run(control); });
}

boost::asio::awaitable<void> Flusher::run(asyncdrop::TaskControl& control) {
    while (!control.stopping()) {
        co_await control.wait_for(interval_);
        if (control.stopping()) break;
        boost::asio::awaitable<void> written = write_back_();
        co_await std::move(written);
    }
}

}  // namespace demofs::fs
