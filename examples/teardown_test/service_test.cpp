// The teardown of the service, for every cause and with a fault at every point: docs/asyncdrop/testing.md.
#include <gmock/gmock.h>

#include <asyncdrop/testing/fault_points.hpp>
#include <asyncdrop/testing/teardown_order.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <stdexcept>

#include "service.hpp"

namespace {

using asyncdrop::testing::FaultPoints;
using testing::ElementsAre;
using testing::IsEmpty;

// [snippet: causes]
/// A way in which the service ends.
struct Cause {
    const char* name;
    std::function<asio::awaitable<void>(Cache&)> serve;
    bool cancels = false;  // by whoever started it
    bool fails = false;    // the service says that something was wrong
};

asio::awaitable<void> serve_and_stop(Cache& cache) {
    cache.add("milk");
    cache.add("bread");
    co_return;
}

asio::awaitable<void> serve_and_fail(Cache& cache) {
    cache.add("milk");
    cache.add("bread");
    throw std::runtime_error("the connection is gone");
    co_return;
}

asio::awaitable<void> serve_for_ever(Cache& cache) {
    cache.add("milk");
    cache.add("bread");
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
}

const Cause causes[] = {
    {"stopped", serve_and_stop},
    {"failed", serve_and_fail, false, true},
    {"cancelled", serve_for_ever, true, true},
};
// [end]

// [snippet: run]
/// The service from its beginning to its end; nothing of it is left on return.
Outcome run(const Cause& cause, Disk& disk, FaultPoints& faults) {
    ServiceSettings settings;
    settings.disk = &disk;
    settings.serve = cause.serve;
    settings.at = [&faults](std::string_view step) { faults.reach(step); };

    asio::io_context context(1);
    asyncdrop::install(context);
    asio::cancellation_signal cancel;
    std::optional<Outcome> outcome;
    const auto take = [&outcome](const std::exception_ptr& error, Outcome ended) {
        EXPECT_FALSE(error);
        outcome = std::move(ended);
    };
    asio::co_spawn(context, run_service(settings), asio::bind_cancellation_slot(cancel.slot(), take));
    context.poll();
    if (cause.cancels) cancel.emit(asio::cancellation_type::terminal);
    context.restart();
    context.run();
    return std::move(*outcome);
}
// [end]

// [snippet: tests]
class ServiceTeardown : public testing::TestWithParam<Cause> {
  protected:
    ServiceTeardown() { asyncdrop::set_guard_registry(true); }
    ~ServiceTeardown() override { asyncdrop::set_guard_registry(false); }

    /// What holds however the service ends.
    static void expect_an_orderly_end(const Outcome& outcome, const Disk& disk) {
        EXPECT_THAT(asyncdrop::testing::order_violations(outcome.teardown), IsEmpty());
        EXPECT_EQ(asyncdrop::live_guards_text(), "");
        EXPECT_FALSE(disk.locked);
    }
};

TEST_P(ServiceTeardown, IsInOrderAndSavesWhatWasAdded) {
    Disk disk;
    FaultPoints none;
    const Outcome outcome = run(GetParam(), disk, none);
    expect_an_orderly_end(outcome, disk);
    EXPECT_TRUE(outcome.teardown.ok()) << outcome.teardown.to_text();
    EXPECT_EQ(outcome.failed != nullptr, GetParam().fails);
    EXPECT_THAT(disk.notes, ElementsAre("milk", "bread"));
}

TEST_P(ServiceTeardown, WithAFaultAtAnyPointIsInOrderAndSaysSo) {
    const auto scenario = [](FaultPoints& faults) {
        Disk disk;
        const Outcome outcome = run(GetParam(), disk, faults);
        SCOPED_TRACE(faults.reached().back() + "\n" + outcome.teardown.to_text());
        expect_an_orderly_end(outcome, disk);
        // Nobody is told that all is well when it is not.
        const bool told = outcome.failed || !outcome.teardown.ok();
        EXPECT_TRUE(told || !faults.failed());
    };
    asyncdrop::testing::at_each_fault_point(scenario);
}

INSTANTIATE_TEST_SUITE_P(EveryCause, ServiceTeardown, testing::ValuesIn(causes),
                         [](const auto& cause) { return std::string(cause.param.name); });
// [end]

TEST(ServiceTeardownFaults, AreAtEachStep) {
    Disk disk;
    FaultPoints none;
    run(causes[0], disk, none);
    EXPECT_THAT(none.reached(), ElementsAre("open the journal", "make the cache", "append to the journal",
                                            "append to the journal", "close the journal"));
}

}  // namespace
