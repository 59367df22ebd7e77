#include "dead_letters.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace log_shipper {

DeadLetters::DeadLetters(asyncdrop::Passkey<DeadLetters>, const std::filesystem::path& path) : file_(path) {}

asio::awaitable<void> DeadLetters::async_drop_impl() {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
    file_.close();
}

asyncdrop::AsyncDropGuard<LazyDeadLetters> dead_letters_in(std::filesystem::path path) {
    auto make = [path = std::move(path)] { return asyncdrop::make_box<DeadLetters>(path); };
    return LazyDeadLetters::uninitialized(std::move(make), asyncdrop::WhenUncreated::skip);
}

}  // namespace log_shipper
