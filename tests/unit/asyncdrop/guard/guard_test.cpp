// AsyncDropGuard: what it does when it is used as it should be.
#include <asyncdrop/guard.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <boost/system/result.hpp>
#include <memory>
#include <new>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropGuard;
using asyncdrop::CreationSite;
using asyncdrop::make_guard;
using test_support::run_coroutine;
using testing::ElementsAre;

class Guard : public testing::Test {
  protected:
    asio::io_context context_;
    Journal log_;
};

TEST_F(Guard, DropRunsTheCleanupAndThenTheDestructor) {
    auto guard = make_guard<Resource>(log_, "a");
    EXPECT_TRUE(guard);
    EXPECT_FALSE(guard.is_dropped());
    run_coroutine(context_, guard.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
    EXPECT_TRUE(guard.is_dropped());
    EXPECT_FALSE(guard);
}

TEST_F(Guard, SecondDropSucceedsAndDoesNothing) {
    auto guard = make_guard<Resource>(log_, "a");
    run_coroutine(context_, guard.async_drop());
    run_coroutine(context_, guard.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Guard, FailedCleanupIsReportedAndStillDisarmsAndDestroys) {
    auto guard = make_guard<Resource>(log_, "a");
    guard->fail_on_drop();
    EXPECT_THROW(run_coroutine(context_, guard.async_drop()), Failure);
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "destroy a"));
    EXPECT_TRUE(guard.is_dropped());
    run_coroutine(context_, guard.async_drop());
    EXPECT_EQ(log_.events().size(), 2u);
}

TEST_F(Guard, GivesAccessToItsValue) {
    auto guard = make_guard<Resource>(log_, "a");
    const auto& view = guard;
    EXPECT_EQ(guard->name(), "a");
    EXPECT_EQ((*view).name(), "a");
    EXPECT_EQ(view->name(), "a");
    run_coroutine(context_, guard.async_drop());
}

TEST_F(Guard, EmptyGuardIsSilent) {
    AsyncDropGuard<Resource> guard;
    EXPECT_FALSE(guard);
    EXPECT_FALSE(guard.is_dropped());
    run_coroutine(context_, guard.async_drop());
    EXPECT_FALSE(guard.is_dropped());
}

TEST_F(Guard, MovingTakesTheDutyAlong) {
    auto first = make_guard<Resource>(log_, "a");
    AsyncDropGuard<Resource> second = std::move(first);
    EXPECT_FALSE(first);
    EXPECT_TRUE(second);
    AsyncDropGuard<Resource> third;
    third = std::move(second);
    EXPECT_FALSE(second);
    EXPECT_EQ(third->name(), "a");
    run_coroutine(context_, third.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Guard, ADroppedGuardCanBeFilledAgain) {
    auto guard = make_guard<Resource>(log_, "a");
    run_coroutine(context_, guard.async_drop());
    guard = make_guard<Resource>(log_, "b");
    EXPECT_TRUE(guard);
    EXPECT_FALSE(guard.is_dropped());
    run_coroutine(context_, guard.async_drop());
    EXPECT_THAT(log_.events(),
                ElementsAre("drop a", "closed a", "destroy a", "drop b", "closed b", "destroy b"));
}

TEST_F(Guard, SwapExchangesArmedAndEmpty) {
    auto a = make_guard<Resource>(log_, "a");
    auto b = make_guard<Resource>(log_, "b");
    AsyncDropGuard<Resource> none;
    swap(a, b);
    EXPECT_EQ(a->name(), "b");
    EXPECT_EQ(b->name(), "a");
    a.swap(none);
    EXPECT_FALSE(a);
    EXPECT_EQ(none->name(), "b");
    run_coroutine(context_, b.async_drop());
    run_coroutine(context_, none.async_drop());
}

AsyncDropGuard<Resource> open_resource(Journal& log, CreationSite site = CreationSite::here()) {
    return make_guard<Resource>(log, "opened", site);
}

TEST_F(Guard, RemembersWhereItWasMade) {
    auto direct = make_guard<Resource>(log_, "a");
    const auto line = __LINE__ - 1;
    EXPECT_STREQ(direct.creation_site().file(), __FILE__);
    EXPECT_EQ(direct.creation_site().line(), static_cast<unsigned>(line));

    auto through_factory = open_resource(log_);
    const auto factory_line = __LINE__ - 1;
    EXPECT_EQ(through_factory.creation_site().line(), static_cast<unsigned>(factory_line));

    auto explicit_site = asyncdrop::make_guard_at<Resource>(CreationSite("x.cpp", 7), log_, "b");
    EXPECT_STREQ(explicit_site.creation_site().file(), "x.cpp");

    AsyncDropGuard<Resource> moved = std::move(direct);
    EXPECT_EQ(moved.creation_site().line(), static_cast<unsigned>(line));
    run_coroutine(context_, moved.async_drop());
    run_coroutine(context_, through_factory.async_drop());
    run_coroutine(context_, explicit_site.async_drop());
}

struct Eight {
    Eight() = default;
    Eight(asyncdrop::Passkey<Eight>, int a, int b, int c, int d, int e, int f, int g, std::unique_ptr<int> h)
        : sum(a + b + c + d + e + f + g + *h) {}
    Eight(Eight&&) noexcept = default;
    void async_drop_impl() noexcept {}
    int sum = 0;
};

TEST_F(Guard, MakeGuardForwardsUpToEightArguments) {
    auto none = make_guard<Eight>();
    EXPECT_EQ(none->sum, 0);
    none.drop_now();
    auto all = make_guard<Eight>(1, 2, 3, 4, 5, 6, 7, std::make_unique<int>(8));
    EXPECT_EQ(all->sum, 36);
    all.drop_now();
}

TEST_F(Guard, AdoptTakesAnExistingValue) {
    SyncResource value(log_);
    auto guard = AsyncDropGuard<SyncResource>::adopt(std::move(value));
    EXPECT_EQ(guard.creation_site().line(), static_cast<unsigned>(__LINE__ - 1));
    run_coroutine(context_, guard.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop sync"));
}

TEST_F(Guard, SynchronousCleanupCanBeRunWithoutACoroutine) {
    auto guard = make_guard<SyncResource>(log_);
    guard.drop_now();
    guard.drop_now();
    EXPECT_TRUE(guard.is_dropped());
    EXPECT_THAT(log_.events(), ElementsAre("drop sync"));
}

struct Throwing {
    explicit Throwing(bool fail) {
        if (fail) throw Failure("constructor");
    }
    void async_drop_impl() noexcept {}
};

TEST_F(Guard, AThrowingConstructorLeavesNothingToDrop) {
    RecordForgotten forgotten;
    EXPECT_THROW((void)make_guard<Throwing>(true), Failure);
    EXPECT_TRUE(forgotten.reports().empty());
}

struct Wrapper {
    explicit Wrapper(Resource&& r) noexcept : inner(std::move(r)) {}
    asio::awaitable<void> async_drop_impl() { return inner.async_drop_impl(); }
    Resource inner;
};

TEST_F(Guard, MapUnsafeMovesTheDutyToTheMappedValueAndKeepsTheSite) {
    auto guard = make_guard<Resource>(log_, "a");
    const auto line = guard.creation_site().line();
    auto mapped = std::move(guard).map_unsafe([](Resource&& r) { return Wrapper(std::move(r)); });
    EXPECT_FALSE(guard);
    EXPECT_EQ(mapped.creation_site().line(), line);
    run_coroutine(context_, mapped.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_F(Guard, MapUnsafeThatThrowsLeavesTheGuardArmed) {
    auto guard = make_guard<Resource>(log_, "a");
    const auto refuse = [](Resource&&) -> Wrapper { throw Failure("map"); };
    EXPECT_THROW((void)std::move(guard).map_unsafe(refuse), Failure);
    EXPECT_TRUE(guard);
    run_coroutine(context_, guard.async_drop());
}

/// Pattern 5: a function of the type that consumes its object and takes over the duty.
class Consumable {
  public:
    Consumable(asyncdrop::Passkey<Consumable>, AsyncDropGuard<Resource> inner) noexcept
        : inner_(std::move(inner)) {}

    static asio::awaitable<std::string> consume(AsyncDropGuard<Consumable> self) {
        Consumable opened = std::move(self).unsafe_into_inner_dont_drop(asyncdrop::UnwrapKey<Consumable>());
        std::string name = opened.inner_->name();
        co_await opened.inner_.async_drop();
        co_return name;
    }
    asio::awaitable<void> async_drop_impl() { co_await inner_.async_drop(); }

  private:
    AsyncDropGuard<Resource> inner_;
};

TEST_F(Guard, UnwrappingPassesTheDutyToTheTypesOwnCode) {
    auto guard = make_guard<Consumable>(make_guard<Resource>(log_, "inner"));
    EXPECT_EQ(run_coroutine(context_, Consumable::consume(std::move(guard))), "inner");
    EXPECT_THAT(log_.events(), ElementsAre("drop inner", "closed inner", "destroy inner"));
}

TEST_F(Guard, CompositeDropsItsMembers) {
    auto guard = make_guard<Consumable>(make_guard<Resource>(log_, "inner"));
    run_coroutine(context_, guard.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop inner", "closed inner", "destroy inner"));
}

TEST_F(Guard, IntoBoxMovesTheValueToTheHeap) {
    auto guard = make_guard<Resource>(log_, "a");
    auto box = std::move(guard).into_box();
    EXPECT_FALSE(guard);
    EXPECT_EQ(box->name(), "a");
    run_coroutine(context_, box.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

/// Cleanup whose failure is a value.
struct ResultResource {
    boost::system::error_code outcome;
    asio::awaitable<boost::system::result<void>> async_drop_impl() {
        co_await yield();
        if (outcome) co_return outcome;
        co_return boost::system::result<void>();
    }
};

TEST_F(Guard, AResultWithAnErrorArrivesAsException) {
    auto good = make_guard<ResultResource>();
    run_coroutine(context_, good.async_drop());
    auto bad = make_guard<ResultResource>();
    bad->outcome = make_error_code(boost::system::errc::no_space_on_device);
    try {
        run_coroutine(context_, bad.async_drop());
        ADD_FAILURE() << "the error was lost";
    } catch (const boost::system::system_error& e) {
        EXPECT_EQ(e.code(), boost::system::errc::no_space_on_device);
    }
    EXPECT_TRUE(bad.is_dropped());
}

/// Cleanup of which the first, plain part throws before there is a coroutine.
struct ThrowsAtOnce {
    bool out_of_memory = false;
    asio::awaitable<void> async_drop_impl() {
        if (std::exchange(out_of_memory, false)) throw std::bad_alloc();
        throw Failure("at once");
    }
};

TEST_F(Guard, ACleanupThatThrowsAtOnceHasFailed) {
    auto guard = make_guard<ThrowsAtOnce>();
    EXPECT_THROW(run_coroutine(context_, guard.async_drop()), Failure);
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(Guard, StaysArmedIfThereIsNoMemoryToStartTheCleanup) {
    auto guard = make_guard<ThrowsAtOnce>();
    guard->out_of_memory = true;
    EXPECT_THROW(run_coroutine(context_, guard.async_drop()), std::bad_alloc);
    EXPECT_TRUE(guard);
    EXPECT_THROW(run_coroutine(context_, guard.async_drop()), Failure);
    EXPECT_TRUE(guard.is_dropped());
}

struct Foreign {
    Journal* log;
};

}  // namespace
}  // namespace asyncdrop_test

template <>
struct asyncdrop::async_drop_traits<asyncdrop_test::Foreign> {
    static void async_drop(asyncdrop_test::Foreign& value) noexcept { value.log->add("drop foreign"); }
};

namespace asyncdrop_test {
namespace {

TEST_F(Guard, ForeignTypesAreGuardedThroughTheTraits) {
    auto guard = AsyncDropGuard<Foreign>::adopt(Foreign{&log_});
    run_coroutine(context_, guard.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop foreign"));
}

struct NoCleanup {};
struct MayThrow {
    void async_drop_impl() {}
};
static_assert(asyncdrop::AsyncDrop<Resource> && !asyncdrop::SyncDroppable<Resource>);
static_assert(asyncdrop::AsyncDrop<SyncResource> && asyncdrop::SyncDroppable<SyncResource>);
static_assert(asyncdrop::AsyncDrop<ResultResource>);
static_assert(!asyncdrop::AsyncDrop<NoCleanup>);
static_assert(!asyncdrop::AsyncDrop<MayThrow>, "synchronous cleanup must be noexcept");
static_assert(std::is_same_v<asyncdrop::async_drop_error_t<Resource>, std::exception_ptr>);
static_assert(std::is_same_v<asyncdrop::async_drop_error_t<ResultResource>, boost::system::error_code>);
static_assert(std::is_same_v<asyncdrop::async_drop_error_t<SyncResource>, asyncdrop::never>);

struct Bytes {
    char bytes[24];
    void async_drop_impl() noexcept {}
};
static_assert(sizeof(AsyncDropGuard<Bytes>) <= sizeof(Bytes) + 2 * sizeof(void*));
static_assert(sizeof(AsyncDropGuard<Resource>) <= sizeof(Resource) + 2 * sizeof(void*));
static_assert(!std::is_copy_constructible_v<AsyncDropGuard<Resource>>);
static_assert(!std::is_copy_assignable_v<AsyncDropGuard<Resource>>);
static_assert(std::is_nothrow_move_constructible_v<AsyncDropGuard<Resource>>);
static_assert(std::is_nothrow_default_constructible_v<AsyncDropGuard<Resource>>);
static_assert(!std::is_constructible_v<Resource, Journal&, std::string>, "only through a passkey");
static_assert(!std::is_default_constructible_v<asyncdrop::Passkey<Resource>>);
static_assert(!std::is_default_constructible_v<asyncdrop::never>);

}  // namespace
}  // namespace asyncdrop_test
