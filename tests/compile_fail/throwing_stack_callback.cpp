// expect: a cleanup callback returns asio::awaitable<void>, or is noexcept
// g++ 12: error: static assertion failed: a cleanup callback returns asio::awaitable<void>, or is noexcept and returns void
#include <asyncdrop/stack.hpp>

void run(asyncdrop::AsyncDropStack& stack) {
#ifdef MISTAKE
    stack.defer([] {});
#else
    stack.defer([]() noexcept {});
#endif
}
