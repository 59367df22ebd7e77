// expect: coroutines of different executor types
// g++ 12: error: static assertion failed: with_async_drop: factory and body are coroutines of different executor types
// A bracket runs on one executor; coroutines of two other types cannot both be awaited there.
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "file.hpp"

template <class T>
using OnContext = boost::asio::awaitable<T, boost::asio::io_context::executor_type>;
template <class T>
using OnPool = boost::asio::awaitable<T, boost::asio::thread_pool::executor_type>;

void run() {
    const auto open = []() -> OnContext<asyncdrop::AsyncDropGuard<File>> { co_return open_file(); };
#ifdef MISTAKE
    const auto use = [](File&) -> OnPool<void> { co_return; };
#else
    const auto use = [](File&) -> OnContext<void> { co_return; };
#endif
    auto bracket = asyncdrop::with_async_drop(open, use);
}
