// expect: nodiscard
// g++ 12: error: ignoring return value of 'boost::asio::awaitable<void> asyncdrop::detail::CoreOwner<Derived, T>::async_drop() & [with Derived = asyncdrop::AsyncDropGuard<File>; T = File]', declared with attribute 'nodiscard': 'async_drop does nothing until it is awaited' [-Werror=unused-result]
// Without co_await nothing happens.
#include "file.hpp"

boost::asio::awaitable<void> run(asyncdrop::AsyncDropGuard<File>& file) {
#ifdef MISTAKE
    file.async_drop();
    co_return;
#else
    co_await file.async_drop();
#endif
}
