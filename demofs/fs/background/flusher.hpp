// Writes back at regular intervals, so that a crash loses little: background AsyncDrop task.
// Threads: the core. Errors are the business of `write_back`, which reports them itself.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <asyncdrop/task.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <utility>

namespace demofs::fs {

class Flusher {
  public:
    using WriteBack = std::function<boost::asio::awaitable<void>()>;

    /// Calls and awaits `write_back` every `interval` once started. What it uses must outlive the drop.
    static asyncdrop::AsyncDropBox<Flusher> make(boost::asio::any_io_executor executor,
                                                 std::chrono::milliseconds interval, WriteBack write_back) {
        return asyncdrop::make_box<Flusher>(std::move(executor), interval, std::move(write_back));
    }

    Flusher(asyncdrop::Passkey<Flusher>, boost::asio::any_io_executor executor,
            std::chrono::milliseconds interval, WriteBack write_back)
        : executor_(std::move(executor)), interval_(interval), write_back_(std::move(write_back)) {}

    void start();

    /// Stops; a write-back that is under way is awaited, none is begun.
    boost::asio::awaitable<void> async_drop_impl() { return task_.async_drop(); }

  private:
    boost::asio::awaitable<void> run(asyncdrop::TaskControl& control);

    boost::asio::any_io_executor executor_;
    std::chrono::milliseconds interval_;
    WriteBack write_back_;
    asyncdrop::AsyncDropGuard<asyncdrop::AsyncDropTask> task_;
};

}  // namespace demofs::fs
