// flatten_async_drop: all guards, or none and every error.

#include <asyncdrop/flatten.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropError;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropResult;
using asyncdrop::even_if_cancelled;
using asyncdrop::flatten_async_drop;
using test_support::run_coroutine;
using Events = std::vector<std::string>;

using Plain = boost::system::result<AsyncDropGuard<Probe>, std::exception_ptr>;
using Guarded = AsyncDropResult<Probe, std::exception_ptr>;

std::exception_ptr error(const std::string& message) {
    return std::make_exception_ptr(std::runtime_error(message));
}

template <class Tuple>
asio::awaitable<std::string> flattened(asio::awaitable<Tuple> flattening) {
    std::string outcome = "no error";
    try {
        Tuple guards = co_await std::move(flattening);
        co_await std::get<0>(guards).async_drop();
        co_await std::get<1>(guards).async_drop();
    } catch (const std::exception& e) {
        outcome = e.what();
    }
    co_return outcome;
}

class Flatten : public testing::Test {
  protected:
    Plain good(std::string name, Cleanup cleanup = {}) {
        return Plain(boost::system::in_place_value, make_probe(journal, std::move(name), std::move(cleanup)));
    }
    static Plain bad(const std::string& message) {
        return Plain(boost::system::in_place_error, error(message));
    }

    Journal journal;
    asio::io_context context;
};

TEST_F(Flatten, GivesAllGuardsIfAllResultsHoldOne) {
    Plain a = good("a");
    Plain b = good("b");
    auto [guard_a, guard_b] = run_coroutine(context, flatten_async_drop(a, b));
    EXPECT_TRUE(journal.events().empty());
    EXPECT_EQ(guard_a->name(), "a");
    EXPECT_EQ(guard_b->name(), "b");
    EXPECT_FALSE(static_cast<bool>(*a));
    run_coroutine(context, guard_a.async_drop());
    run_coroutine(context, guard_b.async_drop());
}

TEST_F(Flatten, DropsTheFirstIfTheSecondIsAnError) {
    Plain a = good("a");
    Plain b = bad("no b");
    EXPECT_EQ(run_coroutine(context, flattened(flatten_async_drop(a, b))), "no b");
    EXPECT_EQ(journal.events(), (Events{"drop a", "dropped a", "gone a"}));
    EXPECT_TRUE(a->is_dropped());
}

TEST_F(Flatten, DropsTheSecondIfTheFirstIsAnError) {
    Plain a = bad("no a");
    Plain b = good("b");
    EXPECT_EQ(run_coroutine(context, flattened(flatten_async_drop(a, b))), "no a");
    EXPECT_EQ(journal.events(), (Events{"drop b", "dropped b", "gone b"}));
}

TEST_F(Flatten, KeepsBothErrorsIfBothAreErrors) {
    Plain a = bad("no a");
    Plain b = bad("no b");
    EXPECT_EQ(run_coroutine(context, flattened(flatten_async_drop(a, b))),
              "no a; while acquiring asyncdrop::AsyncDropGuard<Probe>: no b");
}

TEST_F(Flatten, KeepsEveryErrorInOrder) {
    Plain a = good("a", failing("a stuck"));
    Plain b = bad("no b");
    Plain c = good("c", failing("c stuck"));
    Plain d = bad("no d");
    Plain e = good("e");
    std::vector<std::string> messages;
    try {
        (void)run_coroutine(context, flatten_async_drop(a, b, c, d, e));
        ADD_FAILURE() << "nothing was thrown";
    } catch (const AsyncDropError& failure) {
        messages.push_back(message_of(failure.primary()));
        for (const auto& suppressed : failure.suppressed()) {
            messages.push_back((suppressed.acquiring ? "acquire: " : "drop: ") +
                               message_of(suppressed.error));
        }
    }
    EXPECT_EQ(messages, (Events{"no b", "acquire: no d", "drop: c stuck", "drop: a stuck"}));
    EXPECT_TRUE(journal.contains("dropped e"));
    EXPECT_LT(journal.place_of("drop e"), journal.place_of("drop c"));  // the last one first
    EXPECT_LT(journal.place_of("drop c"), journal.place_of("drop a"));
}

TEST_F(Flatten, TakesGuardedResultsToo) {
    auto a = Guarded::success(make_probe(journal, "a"));
    auto b = Guarded::success(make_probe(journal, "b"));
    EXPECT_EQ(run_coroutine(context, flattened(flatten_async_drop(a, b))), "no error");
    EXPECT_TRUE(journal.contains("dropped a"));
    EXPECT_FALSE(static_cast<bool>(a));
}

TEST_F(Flatten, LeavesNoGuardedResultUndroppedOnFailure) {
    auto a = Guarded::success(make_probe(journal, "a"));
    auto b = Guarded::failure(error("no b"));
    Plain c = good("c");
    EXPECT_EQ(run_coroutine(context, flattened(flatten_async_drop(a, b, c))), "no b");
    EXPECT_TRUE(a.is_dropped());
    EXPECT_TRUE(b.is_dropped());
    EXPECT_EQ(journal.events(), (Events{"drop c", "dropped c", "gone c", "drop a", "dropped a", "gone a"}));
}

TEST_F(Flatten, MixesOwnersAndErrorTypes) {
    boost::system::result<AsyncDropBox<ProbeBase>, boost::system::error_code> a =
        AsyncDropBox<ProbeBase>(asyncdrop::make_box<Probe>(journal, "a", Cleanup{}));
    Plain b = bad("no b");
    boost::system::result<AsyncDropGuard<Probe>, boost::system::error_code> c =
        boost::system::error_code(boost::asio::error::eof);
    const std::string outcome = run_coroutine(context, flattened(flatten_async_drop(a, b, c)));
    EXPECT_TRUE(outcome.starts_with("no b; while acquiring")) << outcome;
    EXPECT_NE(outcome.find("End of file"), std::string::npos) << outcome;
    EXPECT_TRUE(journal.contains("dropped a"));
}

asio::awaitable<void> flatten_when_cancelled(Plain& a, Plain& b, bool insist, std::string& outcome) {
    auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);  // cancelled meanwhile
    if (insist) co_await even_if_cancelled;
    try {
        auto guards = co_await flatten_async_drop(a, b);
        outcome = "no error";
    } catch (const std::exception& e) {
        outcome = e.what();
    }
}

TEST_F(Flatten, DropsInACancelledCoroutineThatInsists) {
    for (const bool insist : {true, false}) {
        Plain a = good("a");
        Plain b = bad("no b");
        std::string outcome;
        asio::cancellation_signal signal;
        asio::co_spawn(context, flatten_when_cancelled(a, b, insist, outcome),
                       asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr&) {}));
        asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
        context.restart();
        context.run();
        if (insist) {
            EXPECT_EQ(outcome, "no b");
            EXPECT_TRUE(a->is_dropped());
        } else {
            EXPECT_TRUE(static_cast<bool>(*a)) << "it was not started, so the caller has it still";
            run_coroutine(context, a->async_drop());
        }
        signal.slot().clear();
    }
}

}  // namespace
