// expect: specialise asyncdrop::exception_to_error
// g++ 12: error: static assertion failed: try_async_drop with a token delivers every failure in the cleanup's error type, which must be able to tell an exception: specialise asyncdrop::exception_to_error for it, or use async_drop
// A token for void(DropResult<E>) has no other way to hear of an exception, as of a lack of memory.
#include <boost/asio/io_context.hpp>

#include "file.hpp"

enum class Trouble { none, some };

class Valve {
  public:
    boost::asio::awaitable<boost::system::result<void, Trouble>> async_drop_impl() {
        co_return boost::system::result<void, Trouble>();
    }
};

void run(asyncdrop::AsyncDropGuard<Valve>& valve, boost::asio::io_context& context) {
#ifdef MISTAKE
    valve.try_async_drop(context.get_executor(), [](asyncdrop::DropResult<Trouble>) {});
#else
    valve.async_drop(context.get_executor(), [](std::exception_ptr) {});
#endif
}
