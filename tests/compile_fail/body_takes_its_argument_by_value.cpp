// expect: (use of deleted function|no matching|the body is called with a reference|call to (deleted|implicitly-deleted))
// The value stays in its guard: a body takes a reference to it.
#include <asyncdrop/with_async_drop.hpp>
#include "file.hpp"

boost::asio::awaitable<int> run() {
    auto file = open_file();
#ifdef MISTAKE
    auto body = [](File file) { return file.read(); };
#else
    auto body = [](File& file) { return file.read(); };
#endif
    co_return co_await asyncdrop::with_async_drop(file, body);
}
