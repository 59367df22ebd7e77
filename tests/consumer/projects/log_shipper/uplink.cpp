#include "uplink.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace log_shipper {

namespace {
std::size_t dial_count = 0;
}

FileUplink::FileUplink(asyncdrop::Passkey<FileUplink>, const std::filesystem::path& path) : file_(path) {
    if (!file_) throw std::runtime_error("cannot write " + path.string());
}

asio::awaitable<void> FileUplink::send(Batch batch) {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
    for (const std::string& line : batch) file_ << line << '\n';
    lines_ += batch.size();
    if (!file_) throw std::runtime_error("the uplink broke");
}

asio::awaitable<void> FileUplink::async_drop_impl() {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
    file_ << "end, " << lines_ << " lines\n";
    file_.close();
    if (!file_) throw std::runtime_error("the uplink broke while it was closed");
}

std::size_t dialled() noexcept {
    return dial_count;
}

asio::awaitable<asyncdrop::AsyncDropBox<Uplink>> dial(std::filesystem::path path) {
    ++dial_count;
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer handshake(executor, std::chrono::milliseconds(1));
    co_await handshake.async_wait(asio::use_awaitable);
    co_return asyncdrop::make_box<FileUplink>(path);
}

asyncdrop::AsyncDropShared<Uplink> uplink_to(std::filesystem::path path) {
    auto creation = [path = std::move(path)] { return dial(path); };
    return asyncdrop::AsyncDropShared<Uplink>::create(std::move(creation));
}

}  // namespace log_shipper
