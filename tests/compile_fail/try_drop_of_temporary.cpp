// expect: deleted (function|member function)
// The awaitable refers to the guard, which is gone when it runs.
#include "file.hpp"

boost::asio::awaitable<bool> run() {
#ifdef MISTAKE
    auto dropping = open_file().try_async_drop();
#else
    auto file = open_file();
    auto dropping = file.try_async_drop();
#endif
    const auto result = co_await std::move(dropping);
    co_return result.has_value();
}
