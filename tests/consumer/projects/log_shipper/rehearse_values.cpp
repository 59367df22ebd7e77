#include "rehearse_values.hpp"

#include <asyncdrop/bridge.hpp>
#include <asyncdrop/try_with_async_drop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

#include "expect.hpp"
#include "lease.hpp"

namespace log_shipper {

namespace {

using boost::system::result;
using Executor = asio::io_context::executor_type;

asio::awaitable<result<int, LeaseError>> ship(bool granted, bool accepted, bool expires, int& suppressed) {
    auto take = [granted, expires] { return Lease::take(granted, expires); };
    auto send = [accepted](Lease&) -> result<int, LeaseError> {
        if (!accepted) return LeaseError::refused;
        return 3;
    };
    auto second_error = asyncdrop::on_suppressed([&suppressed](LeaseError) { ++suppressed; });
    result<int, LeaseError> shipped = co_await asyncdrop::try_with_async_drop(take, send, second_error);
    co_return shipped;
}

asio::awaitable<void> brackets() {
    int suppressed = 0;
    const result<int, LeaseError> good = co_await ship(true, true, false, suppressed);
    expect(good.has_value() && *good == 3, "the body's value comes out");
    const result<int, LeaseError> expired = co_await ship(true, true, true, suppressed);
    expect(expired.has_error() && expired.error() == LeaseError::expired, "so does the cleanup's error");
    const result<int, LeaseError> refused = co_await ship(false, true, true, suppressed);
    expect(refused.has_error() && refused.error() == LeaseError::refused, "and the factory's");
    expect(suppressed == 0, "one error at a time");
    const result<int, LeaseError> both = co_await ship(true, false, true, suppressed);
    expect(both.has_error() && both.error() == LeaseError::refused && suppressed == 1,
           "the second error is handed on");
}

asio::awaitable<void> by_hand() {
    auto lease = asyncdrop::make_guard<Lease>(true);
    const asyncdrop::DropResult<LeaseError> dropped = co_await lease.try_async_drop();
    expect(dropped.has_error() && dropped.error() == LeaseError::expired, "a drop returns its error");
    expect(lease.is_dropped(), "and has disarmed the guard");
}

// A coroutine of another executor type awaits what is the library's.
asio::awaitable<void, Executor> typed() {
    co_await asyncdrop::bridge_to<Executor>(brackets());
    co_await asyncdrop::bridge_to<Executor>(by_hand());
    auto lease = asyncdrop::make_guard<Lease>(false);
    co_await lease.async_drop(asio::use_awaitable_t<Executor>());
    expect(lease.is_dropped(), "a typed coroutine has dropped a guard");
}

}  // namespace

void rehearse_values() {
    asio::io_context context(1);
    std::exception_ptr failed;
    bool ended = false;
    auto end = [&](std::exception_ptr error) {
        failed = error;
        ended = true;
    };
    asio::co_spawn(context, typed(), end);
    context.run();
    if (failed) std::rethrow_exception(failed);
    expect(ended, "the coroutine has come to its end");
}

}  // namespace log_shipper
