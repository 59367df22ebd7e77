// expect: async_drop\(token\) needs to know where the cleanup runs
// g++ 12: error: static assertion failed: async_drop(token) needs to know where the cleanup runs, and this token has no executor of its own: call async_drop(executor, token), or bind one with bind_executor
// A cleanup is a coroutine; a token that names no executor does not say where it runs.
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "file.hpp"

void run(asyncdrop::AsyncDropGuard<File> file, boost::asio::io_context& context) {
#ifdef MISTAKE
    file.async_drop(boost::asio::detached);
#else
    file.async_drop(boost::asio::bind_executor(context, boost::asio::detached));
#endif
}
