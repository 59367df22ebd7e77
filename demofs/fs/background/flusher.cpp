// The interval is counted from the end of a write-back: a slow store is not asked again at once.
#include "demofs/fs/background/flusher.hpp"

namespace demofs::fs {

boost::asio::awaitable<void> Flusher::run() {
    const std::optional<std::chrono::milliseconds> interval(interval_);
    while (!task_.stopping()) {
        co_await task_.sleep(interval);
        if (task_.stopping()) break;
        boost::asio::awaitable<void> written = write_back_();
        co_await std::move(written);
    }
}

}  // namespace demofs::fs
