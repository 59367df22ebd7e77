// drop_in_order and drop_concurrently.
#include <asyncdrop/drop_concurrently.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/guard.hpp>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropError;
using asyncdrop::drop_concurrently;
using asyncdrop::drop_in_order;
using asyncdrop::make_guard;
using test_support::run_coroutine;
using testing::ElementsAre;

class DropMany : public testing::Test {
  protected:
    asio::io_context context_;
    Journal log_;
    asyncdrop::AsyncDropGuard<Resource> a_ = make_guard<Resource>(log_, "a");
    asyncdrop::AsyncDropGuard<Resource> b_ = make_guard<Resource>(log_, "b");
    asyncdrop::AsyncDropBox<Resource> c_ = asyncdrop::make_box<Resource>(log_, "c");

    void expect_all_dropped() {
        EXPECT_TRUE(a_.is_dropped());
        EXPECT_TRUE(b_.is_dropped());
        EXPECT_TRUE(c_.is_dropped());
    }
};

TEST_F(DropMany, InOrderFinishesEachBeforeTheNext) {
    run_coroutine(context_, drop_in_order(a_, c_, b_));
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a", "drop c", "closed c",
                                           "destroy c", "drop b", "closed b", "destroy b"));
}

TEST_F(DropMany, InOrderGoesOnAfterAFailureAndDeliversItAsItself) {
    a_->fail_on_drop();
    EXPECT_THROW(run_coroutine(context_, drop_in_order(a_, b_, c_)), Failure);
    expect_all_dropped();
}

TEST_F(DropMany, InOrderDeliversSeveralFailuresTogether) {
    a_->fail_on_drop();
    c_->fail_on_drop();
    try {
        run_coroutine(context_, drop_in_order(a_, b_, c_));
        ADD_FAILURE() << "no error";
    } catch (const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "a");
        ASSERT_EQ(e.suppressed().size(), 1u);
        EXPECT_EQ(message(e.suppressed()[0].error), "c");
    }
    expect_all_dropped();
}

TEST_F(DropMany, InOrderPassesOverDroppedAndEmptyGuards) {
    run_coroutine(context_, b_.async_drop());
    log_.clear();
    asyncdrop::AsyncDropGuard<Resource> empty;
    run_coroutine(context_, drop_in_order(empty, a_, b_, c_));
    EXPECT_THAT(log_.events(),
                ElementsAre("drop a", "closed a", "destroy a", "drop c", "closed c", "destroy c"));
}

TEST_F(DropMany, ConcurrentlyStartsAllBeforeTheFirstHasEnded) {
    Gate gate;
    a_->wait_on_drop(gate);
    bool ended = false;
    asio::co_spawn(context_, drop_concurrently(a_, b_, c_), [&](std::exception_ptr) { ended = true; });
    Cancellable::run_until(context_, [&] { return b_.is_dropped() && c_.is_dropped(); });
    EXPECT_FALSE(ended);
    EXPECT_FALSE(a_.is_dropped());
    gate.open();
    Cancellable::run_until(context_, [&] { return ended; });
    expect_all_dropped();
}

TEST_F(DropMany, ConcurrentlyNeverLeavesAnotherUndropped) {
    b_->fail_on_drop();
    EXPECT_THROW(run_coroutine(context_, drop_concurrently(a_, b_, c_)), Failure);
    expect_all_dropped();
}

TEST_F(DropMany, ConcurrentlyDeliversFailuresInTheOrderOfTheArguments) {
    Gate gate;
    a_->fail_on_drop();
    a_->wait_on_drop(gate);  // a fails last
    b_->fail_on_drop();
    c_->fail_on_drop();
    std::exception_ptr error;
    bool ended = false;
    asio::co_spawn(context_, drop_concurrently(a_, b_, c_), [&](std::exception_ptr e) {
        ended = true;
        error = e;
    });
    Cancellable::run_until(context_, [&] { return b_.is_dropped() && c_.is_dropped(); });
    gate.open();
    Cancellable::run_until(context_, [&] { return ended; });
    ASSERT_TRUE(error);
    try {
        std::rethrow_exception(error);
    } catch (const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "a");
        ASSERT_EQ(e.suppressed().size(), 2u);
        EXPECT_EQ(message(e.suppressed()[0].error), "b");
        EXPECT_EQ(message(e.suppressed()[1].error), "c");
    }
}

TEST_F(DropMany, NothingAtAllIsFine) {
    run_coroutine(context_, drop_in_order());
    run_coroutine(context_, drop_concurrently());
    run_coroutine(context_, drop_in_order(a_, b_, c_));
}

}  // namespace
}  // namespace asyncdrop_test
