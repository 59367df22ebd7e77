// with_async_drop: every exit path, every form, the error rule.
#include <asyncdrop/with_async_drop.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <boost/system/result.hpp>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropError;
using asyncdrop::AsyncDropGuard;
using asyncdrop::error_map;
using asyncdrop::make_guard;
using asyncdrop::with_async_drop;
using test_support::run_coroutine;
using testing::ElementsAre;

class With : public testing::Test {
  protected:
    AsyncDropGuard<Resource> open(const std::string& name, bool fails = false) {
        auto guard = make_guard<Resource>(log_, name);
        if (fails) guard->fail_on_drop();
        return guard;
    }
    asio::awaitable<AsyncDropGuard<Resource>> open_later(std::string name) {
        co_await yield();
        co_return make_guard<Resource>(log_, name);
    }
    /// Runs the bracket and returns its error.
    template <class R>
    std::exception_ptr error_of(asio::awaitable<R> bracket) {
        try {
            (void)run_coroutine(context_, std::move(bracket));
        } catch (...) {
            return std::current_exception();
        }
        return nullptr;
    }

    asio::io_context context_;
    Journal log_;
};

TEST_F(With, ReturnsTheBodysResultAndCleansUp) {
    const auto factory = [this] { return open_later("a"); };
    const auto body = [this](Resource& r) -> asio::awaitable<std::string> {
        co_await yield();
        log_.add("use " + r.name());
        co_return r.name();
    };
    EXPECT_EQ(run_coroutine(context_, with_async_drop(factory, body)), "a");
    EXPECT_THAT(log_.events(), ElementsAre("use a", "drop a", "closed a", "destroy a"));
}

TEST_F(With, TakesPlainFactoriesAndPlainBodies) {
    const auto factory = [this] { return open("a"); };
    const auto body = [](Resource& r) { return r.name().size(); };
    EXPECT_EQ(run_coroutine(context_, with_async_drop(factory, body)), 1u);
    const auto nothing = [](Resource&) {};
    run_coroutine(context_, with_async_drop(factory, nothing));
    EXPECT_EQ(log_.events().size(), 6u);
}

TEST_F(With, ABodyMayReturnNothingAsynchronously) {
    const auto factory = [this] { return open("a"); };
    const auto body = [](Resource&) -> asio::awaitable<void> { co_await yield(); };
    run_coroutine(context_, with_async_drop(factory, body));
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(With, ResultsMayBeMoveOnlyAndNeedNoDefaultConstructor) {
    struct Result {
        explicit Result(std::unique_ptr<int> v) : value(std::move(v)) {}
        std::unique_ptr<int> value;
    };
    const auto factory = [this] { return open("a"); };
    const auto body = [](Resource&) { return Result(std::make_unique<int>(3)); };
    EXPECT_EQ(*run_coroutine(context_, with_async_drop(factory, body)).value, 3);
}

TEST_F(With, MoveOnlyCallablesAreMovedIn) {
    auto name = std::make_unique<std::string>("a");
    auto factory = [this, name = std::move(name)] { return open(*name); };
    auto body = [extra = std::make_unique<int>(1)](Resource&) { return *extra; };
    EXPECT_EQ(run_coroutine(context_, with_async_drop(std::move(factory), std::move(body))), 1);
}

TEST_F(With, AFailingBodyIsCleanedUpAndItsErrorDelivered) {
    const auto factory = [this] { return open("a"); };
    const auto body = [](Resource&) -> asio::awaitable<void> {
        co_await yield();
        throw Failure("body");
    };
    EXPECT_EQ(message(error_of(with_async_drop(factory, body))), "body");
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(With, AFailingPlainBodyIsCleanedUpToo) {
    const auto factory = [this] { return open("a"); };
    const auto body = [](Resource&) -> int { throw Failure("body"); };
    EXPECT_EQ(message(error_of(with_async_drop(factory, body))), "body");
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(With, AFailingCleanupIsDeliveredAsItself) {
    const auto factory = [this] { return open("a", true); };
    const auto body = [](Resource&) { return 1; };
    EXPECT_THROW(run_coroutine(context_, with_async_drop(factory, body)), Failure);
}

TEST_F(With, BodyAndCleanupErrorsAreBothDelivered) {
    const auto factory = [this] { return open("a", true); };
    const auto body = [](Resource&) { throw Failure("body"); };
    const auto error = error_of(with_async_drop(factory, body));
    try {
        std::rethrow_exception(error);
    } catch (const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "body");
        ASSERT_EQ(e.suppressed().size(), 1u);
        EXPECT_EQ(message(e.suppressed()[0].error), "a");
        EXPECT_EQ(e.suppressed()[0].resource, "asyncdrop_test::Resource");
        EXPECT_THAT(e.suppressed()[0].site.file(), testing::EndsWith("with_async_drop_test.cpp"));
        EXPECT_THAT(e.what(), testing::MatchesRegex("body; while cleaning up asyncdrop_test::Resource "
                                                    ".created at .*with_async_drop_test.cpp:[0-9]+.: a"));
    }
}

TEST_F(With, AFailingFactoryLeavesNothingToCleanUp) {
    const auto factory = []() -> asio::awaitable<AsyncDropGuard<Resource>> {
        co_await yield();
        throw Failure("factory");
    };
    const auto body = [](Resource&) { ADD_FAILURE() << "the body ran"; };
    EXPECT_EQ(message(error_of(with_async_drop(factory, body))), "factory");
}

TEST_F(With, AnExistingGuardIsDroppedAfterTheBody) {
    auto guard = open("a");
    const auto body = [](Resource& r) { return r.name(); };
    EXPECT_EQ(run_coroutine(context_, with_async_drop(guard, body)), "a");
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(With, AnExistingGuardIsDroppedAfterAFailingBody) {
    auto guard = open("a");
    const auto body = [](Resource&) { throw Failure("body"); };
    EXPECT_EQ(message(error_of(with_async_drop(guard, body))), "body");
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(With, ABodyMayDropItsGuardItself) {
    auto guard = open("a");
    const auto body = [&guard](Resource&) -> asio::awaitable<void> { co_await guard.async_drop(); };
    run_coroutine(context_, with_async_drop(guard, body));
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(With, BoxesWorkLikeGuards) {
    const auto factory = [this] { return asyncdrop::make_box<Resource>(log_, "a"); };
    const auto body = [](Resource& r) { return r.name(); };
    EXPECT_EQ(run_coroutine(context_, with_async_drop(factory, body)), "a");
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(With, SeveralSourcesAreAcquiredInOrderAndDroppedInReverse) {
    const auto first = [this] { return open_later("a"); };
    const auto second = [this](Resource& a) { return open_later(a.name() + "b"); };
    auto third = open("c");
    const auto body = [this](Resource& a, Resource& b, Resource& c) -> asio::awaitable<std::string> {
        co_await yield();
        log_.add("use");
        co_return a.name() + b.name() + c.name();
    };
    EXPECT_EQ(run_coroutine(context_, with_async_drop(first, second, third, body)), "aabc");
    EXPECT_THAT(log_.events(), ElementsAre("use", "drop c", "closed c", "destroy c", "drop ab", "closed ab",
                                           "destroy ab", "drop a", "closed a", "destroy a"));
}

TEST_F(With, AFailingSecondFactoryDropsTheFirst) {
    const auto first = [this] { return open("a"); };
    const auto second = []() -> AsyncDropGuard<Resource> { throw Failure("second"); };
    const auto body = [](Resource&, Resource&) { ADD_FAILURE() << "the body ran"; };
    EXPECT_EQ(message(error_of(with_async_drop(first, second, body))), "second");
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(With, TheErrorsOfBodyAndSeveralCleanupsAreOneFlatList) {
    auto a = open("a", true);
    auto b = open("b", true);
    auto c = open("c", true);
    const auto body = [](Resource&, Resource&, Resource&) { throw Failure("body"); };
    const auto error = error_of(with_async_drop(a, b, c, body));
    try {
        std::rethrow_exception(error);
    } catch (const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "body");
        ASSERT_EQ(e.suppressed().size(), 3u);
        EXPECT_EQ(message(e.suppressed()[0].error), "c");
        EXPECT_EQ(message(e.suppressed()[1].error), "b");
        EXPECT_EQ(message(e.suppressed()[2].error), "a");
    }
}

TEST_F(With, AnErrorMapConvertsCleanupErrorsOnly) {
    auto map = error_map([](std::exception_ptr e) { return std::logic_error("mapped " + message(e)); });
    const auto bad = [this] { return open("a", true); };
    const auto good = [this] { return open("b"); };
    const auto body = [](Resource&) { return 1; };
    const auto failing_body = [](Resource&) -> int { throw Failure("body"); };
    EXPECT_THROW(run_coroutine(context_, with_async_drop(bad, body, map)), std::logic_error);
    EXPECT_EQ(run_coroutine(context_, with_async_drop(good, body, map)), 1);
    EXPECT_EQ(message(error_of(with_async_drop(good, failing_body, map))), "body");
    try {
        run_coroutine(context_, with_async_drop(bad, failing_body, map));
    } catch (const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "body");
        EXPECT_EQ(message(e.suppressed()[0].error), "mapped a");
    }
}

TEST_F(With, AnErrorMapMayReturnAnExceptionPointerAndAppliesToSeveralSources) {
    auto map = error_map([](std::exception_ptr) { return std::make_exception_ptr(std::out_of_range("x")); });
    auto a = open("a");
    auto b = open("b", true);
    const auto body = [](Resource&, Resource&) {};
    EXPECT_THROW(run_coroutine(context_, with_async_drop(a, b, body, map)), std::out_of_range);
    EXPECT_TRUE(a.is_dropped());
}

TEST_F(With, AGuardAsResultIsHandedOver) {
    const auto factory = [this] { return open("outer"); };
    const auto body = [this](Resource&) { return open("result"); };
    auto result = run_coroutine(context_, with_async_drop(factory, body));
    EXPECT_THAT(log_.events(), ElementsAre("drop outer", "closed outer", "destroy outer"));
    EXPECT_EQ(result->name(), "result");
    run_coroutine(context_, result.async_drop());
}

TEST_F(With, AGuardAsResultIsDroppedIfTheCleanupFails) {
    const auto factory = [this] { return open("outer", true); };
    const auto body = [this](Resource&) { return open("result"); };
    EXPECT_EQ(message(error_of(with_async_drop(factory, body))), "outer");
    EXPECT_THAT(log_.events(),
                ElementsAre("drop outer", "destroy outer", "drop result", "closed result", "destroy result"));
}

TEST_F(With, AResultThatHoldsGuardsIsDroppedIfTheCleanupFails) {
    const auto factory = [this] { return open("outer", true); };
    const auto in_optional = [this](Resource&) { return std::optional(open("optional")); };
    EXPECT_EQ(message(error_of(with_async_drop(factory, in_optional))), "outer");
    EXPECT_THAT(log_.events(), testing::IsSupersetOf({"closed optional", "destroy optional"}));

    const auto nothing = [](Resource&) { return std::optional<AsyncDropGuard<Resource>>(); };
    EXPECT_EQ(message(error_of(with_async_drop(factory, nothing))), "outer");

    const auto in_tuple = [this](Resource&) { return std::tuple(open("first"), 1, open("second")); };
    EXPECT_EQ(message(error_of(with_async_drop(factory, in_tuple))), "outer");
    EXPECT_THAT(log_.events(), testing::IsSupersetOf({"closed first", "closed second"}));

    const auto in_vector = [this](Resource&) {
        std::vector<std::pair<int, AsyncDropGuard<Resource>>> all;
        for (int i = 0; i < 3; ++i) all.emplace_back(i, open("element " + std::to_string(i)));
        return all;
    };
    EXPECT_EQ(message(error_of(with_async_drop(factory, in_vector))), "outer");
    EXPECT_THAT(log_.events(),
                testing::IsSupersetOf({"closed element 0", "closed element 1", "closed element 2"}));

    const auto in_result = [this](Resource&) {
        return boost::system::result<AsyncDropGuard<Resource>>(open("result"));
    };
    EXPECT_EQ(message(error_of(with_async_drop(factory, in_result))), "outer");
    EXPECT_THAT(log_.events(), testing::Contains("closed result"));
}

TEST_F(With, GuardsInAResultThatFailTooAreAttachedInTheirOrder) {
    const auto factory = [this] { return open("outer", true); };
    const auto body = [this](Resource&) {
        return std::tuple(open("first", true), open("second"), std::optional(open("third", true)));
    };
    const auto error = error_of(with_async_drop(factory, body));
    try {
        std::rethrow_exception(error);
    } catch (const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "outer");
        ASSERT_EQ(e.suppressed().size(), 2u);
        EXPECT_EQ(message(e.suppressed()[0].error), "first");
        EXPECT_EQ(message(e.suppressed()[1].error), "third");
    }
    EXPECT_THAT(log_.events(), testing::Contains("closed second"));
}

TEST_F(With, AGuardAsResultThatFailsTooIsAttached) {
    const auto factory = [this] { return open("outer", true); };
    const auto body = [this](Resource&) { return open("result", true); };
    const auto error = error_of(with_async_drop(factory, body));
    try {
        std::rethrow_exception(error);
    } catch (const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "outer");
        ASSERT_EQ(e.suppressed().size(), 1u);
        EXPECT_EQ(message(e.suppressed()[0].error), "result");
    }
}

TEST_F(With, SynchronousCleanupWorksInABracket) {
    const auto factory = [this] { return make_guard<SyncResource>(log_); };
    const auto body = [](SyncResource&) { return 5; };
    EXPECT_EQ(run_coroutine(context_, with_async_drop(factory, body)), 5);
    EXPECT_THAT(log_.events(), ElementsAre("drop sync"));
}

TEST_F(With, BracketsNest) {
    const auto outer = [this] { return open("outer"); };
    const auto inner = [this] { return open("inner"); };
    const auto inner_body = [](Resource&) -> asio::awaitable<int> {
        co_await yield();
        co_return 1;
    };
    const auto outer_body = [&](Resource&) -> asio::awaitable<int> {
        const int one = co_await with_async_drop(inner, inner_body);
        co_return one + 1;
    };
    EXPECT_EQ(run_coroutine(context_, with_async_drop(outer, outer_body)), 2);
    EXPECT_THAT(log_.events(), ElementsAre("drop inner", "closed inner", "destroy inner", "drop outer",
                                           "closed outer", "destroy outer"));
}

}  // namespace
}  // namespace asyncdrop_test
