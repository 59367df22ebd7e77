// Once more without memory. A drop whose coroutine cannot be allocated has not begun, and what it was to drop
// is still armed; memory may be there again a moment later, so it is tried once more before anybody is told.
//
//     Attempt attempt;
//     do {
//         co_await even_if_cancelled;
//         try {
//             asio::awaitable<void> dropping = guard.async_drop();
//             co_await std::move(dropping);
//         } catch (...) {
//             attempt.error = std::current_exception();
//         }
//     } while (attempt.again(attempt.error && wants_drop(guard)));
//
// Threads: a plain value.
#pragma once

#include <exception>

namespace asyncdrop::detail {

class Attempt {
  public:
    // Whether to try again, after a try that has failed without having begun. The second time it says no;
    // else the error is forgotten.
    [[nodiscard]] bool again(bool not_begun) noexcept {
        if (!not_begun || repeated_) return false;
        repeated_ = true;
        error = nullptr;
        return true;
    }

    std::exception_ptr error;  // of the last try, null if it has succeeded

  private:
    bool repeated_ = false;
};

}  // namespace asyncdrop::detail
