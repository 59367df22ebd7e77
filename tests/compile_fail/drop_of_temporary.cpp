// expect: deleted (function|member function)
// g++ 12: error: use of deleted function 'boost::asio::awaitable<void> asyncdrop::detail::CoreOwner<Derived, T>::async_drop() && [with Derived = asyncdrop::AsyncDropGuard<File>; T = File]'
// The awaitable refers to the guard, which is gone when it runs.
#include "file.hpp"

boost::asio::awaitable<void> run() {
#ifdef MISTAKE
    co_await open_file().async_drop();
#else
    auto file = open_file();
    co_await file.async_drop();
#endif
}
