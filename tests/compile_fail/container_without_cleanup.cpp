// expect: T has no cleanup
// g++ 12: error: static assertion failed: AsyncDropGuard<T>: T has no cleanup. Give it `asio::awaitable<void> async_drop_impl()` or `void async_drop_impl() noexcept`, or specialise asyncdrop::async_drop_traits<T>.
// A class that owns guards needs a cleanup of its own, which drops them.
#include "file.hpp"

class Container {
  public:
    explicit Container(asyncdrop::Passkey<Container>) {}
#ifndef MISTAKE
    boost::asio::awaitable<void> async_drop_impl() { return file_.async_drop(); }
#endif

  private:
    asyncdrop::AsyncDropGuard<File> file_ = open_file();
};

boost::asio::awaitable<void> run() {
    auto container = asyncdrop::make_guard<Container>();
    co_await container.async_drop();
}
