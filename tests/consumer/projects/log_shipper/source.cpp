#include "source.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/errc.hpp>
#include <utility>

namespace log_shipper {

namespace errc = boost::system::errc;

Source::Source(asyncdrop::Passkey<Source>, std::filesystem::path path, std::unique_ptr<std::ifstream> file)
    : path_(std::move(path)), file_(std::move(file)) {}

asio::awaitable<Source::Opened> Source::open(std::filesystem::path path, asyncdrop::CreationSite site) {
    auto file = std::make_unique<std::ifstream>(path);
    if (!*file) co_return errc::make_error_code(errc::no_such_file_or_directory);
    co_return asyncdrop::make_guard_at<Source>(site, std::move(path), std::move(file));
}

std::optional<std::string> Source::next_line() {
    std::string line;
    if (!std::getline(*file_, line)) return std::nullopt;
    ++lines_read_;
    return line;
}

asio::awaitable<boost::system::result<void, error_code>> Source::async_drop_impl() {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
    const bool broken = file_->bad();
    file_->close();
    if (broken) co_return errc::make_error_code(errc::io_error);
    co_return boost::system::result<void, error_code>();
}

}  // namespace log_shipper
