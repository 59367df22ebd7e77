// expect: a cleanup callback returns asio::awaitable<void>, or is noexcept
#include <asyncdrop/stack.hpp>

void run(asyncdrop::AsyncDropStack& stack) {
#ifdef MISTAKE
    stack.defer([] {});
#else
    stack.defer([]() noexcept {});
#endif
}
