// Misuse ends the program with a sentence: uses after the drop, of an empty guard, and while the drop is
// running.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <string_view>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropGuard;
using asyncdrop::make_box;
using asyncdrop::make_guard;
using test_support::run_coroutine;

class Misuse : public testing::Test {
  protected:
    asio::io_context context_;
    Journal log_;
};
using MisuseDeathTest = Misuse;

TEST_F(MisuseDeathTest, DereferenceAfterTheDrop) {
    auto guard = make_guard<Resource>(log_, "a");
    run_coroutine(context_, guard.async_drop());
    EXPECT_DEATH(
        (void)guard->name(),
        "a guard was dereferenced after its async_drop .asyncdrop_test::Resource, created at .*[0-9]");
    auto box = make_box<SyncResource>(log_);
    run_coroutine(context_, box.async_drop());
    EXPECT_DEATH((void)*box, "a guard was dereferenced after its async_drop");
}

TEST_F(MisuseDeathTest, DereferenceOfAnEmptyGuard) {
    AsyncDropGuard<Resource> guard;
    EXPECT_DEATH((void)guard->name(), "an empty guard was dereferenced");
}

TEST_F(MisuseDeathTest, AssignmentOverAnArmedGuard) {
    auto a = make_guard<Resource>(log_, "a");
    auto b = make_guard<Resource>(log_, "b");
    EXPECT_DEATH(a = std::move(b), "a guard was assigned over a guard that has not been dropped");
    run_coroutine(context_, a.async_drop());
    run_coroutine(context_, b.async_drop());
    auto c = make_box<SyncResource>(log_);
    EXPECT_DEATH(c = asyncdrop::AsyncDropBox<SyncResource>(), "assigned over");
    run_coroutine(context_, c.async_drop());
}

class DuringTheDrop : public Misuse {
  protected:
    /// Suspends the drop of `guard` in its middle.
    template <class G>
    void suspend_drop(G& guard) {
        guard->wait_on_drop(gate_);
        asio::co_spawn(context_, guard.async_drop(), [this](std::exception_ptr) { ended_ = true; });
        Cancellable::run_until(context_, [this] { return gate_.waiting(); });
    }
    /// Destroys what `owner` points to, on the context's thread.
    template <class G>
    void destroy(std::unique_ptr<G>& owner) {
        asio::post(context_, [&owner] { owner.reset(); });
        Cancellable::run_until(context_, [&owner] { return owner == nullptr; });
    }
    void finish() {
        gate_.open();
        Cancellable::run_until(context_, [this] { return ended_; });
    }

    Gate gate_;
    bool ended_ = false;
};
using DuringTheDropDeathTest = DuringTheDrop;

TEST_F(DuringTheDropDeathTest, EveryUseIsAMisuse) {
    auto guard = make_guard<Resource>(log_, "a");
    suspend_drop(guard);
    EXPECT_FALSE(guard.is_dropped());
    EXPECT_FALSE(guard);
    EXPECT_DEATH((void)guard->name(), "a guard was dereferenced while its async_drop is running");
    EXPECT_DEATH(
        { AsyncDropGuard<Resource> other = std::move(guard); },
        "a guard was moved while its async_drop is running");
    EXPECT_DEATH(run_coroutine(context_, guard.async_drop()),
                 "async_drop was called while another async_drop of the same guard is running");
    EXPECT_DEATH(guard = AsyncDropGuard<Resource>(), "assigned over");
    finish();
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(DuringTheDropDeathTest, EveryUseOfABoxIsAMisuse) {
    auto box = make_box<Resource>(log_, "a");
    suspend_drop(box);
    EXPECT_DEATH((void)box->name(), "a guard was dereferenced while its async_drop is running");
    EXPECT_DEATH(
        { asyncdrop::AsyncDropBox<Resource> other = std::move(box); },
        "a guard was moved while its async_drop");
    EXPECT_DEATH(run_coroutine(context_, box.async_drop()), "while another async_drop of the same guard");
    finish();
}

TEST_F(DuringTheDropDeathTest, DestructionOfTheGuardInItsContextIsAMisuse) {
    auto guard = std::make_unique<AsyncDropGuard<Resource>>(make_guard<Resource>(log_, "a"));
    suspend_drop(*guard);
    EXPECT_DEATH(destroy(guard), "a guard was destroyed while its async_drop is running .*misuse_test.cpp");
    finish();
}

TEST_F(DuringTheDropDeathTest, DestructionOfABoxInItsContextIsAMisuse) {
    auto box = std::make_unique<asyncdrop::AsyncDropBox<Resource>>(make_box<Resource>(log_, "a"));
    suspend_drop(*box);
    EXPECT_DEATH(destroy(box), "a guard was destroyed while its async_drop is running");
    finish();
}

asio::awaitable<void> drop_unasked(AsyncDropGuard<Resource> guard, asio::io_context& context) {
    guard.async_drop(context.get_executor(), asio::detached);
    co_await yield();  // the cleanup begins; the guard is a parameter and ends here
}

TEST_F(DuringTheDropDeathTest, ALocalGuardWhoseDropNobodyAwaitsIsAMisuse) {
    auto guard = make_guard<Resource>(log_, "a");
    guard->wait_on_drop(gate_);
    EXPECT_DEATH(run_coroutine(context_, drop_unasked(std::move(guard), context_)),
                 "a guard was destroyed while its async_drop is running");
    gate_.open();
    run_coroutine(context_, guard.async_drop());
}

TEST_F(DuringTheDropDeathTest, DestructionUnderABracketThatBorrowsIsAMisuse) {
    auto guard = std::make_unique<AsyncDropGuard<Resource>>(make_guard<Resource>(log_, "a"));
    (*guard)->wait_on_drop(gate_);
    const auto body = [](Resource&) {};
    asio::co_spawn(context_, asyncdrop::with_async_drop(*guard, body),
                   [this](std::exception_ptr) { ended_ = true; });
    Cancellable::run_until(context_, [this] { return gate_.waiting(); });
    EXPECT_DEATH(destroy(guard), "a guard was destroyed while its async_drop is running");
    finish();
}

TEST_F(DuringTheDropDeathTest, DestructionOutsideOfItsContextIsAMisuseToo) {
    auto guard = make_guard<Resource>(log_, "a");
    suspend_drop(guard);
    EXPECT_DEATH({ guard.~AsyncDropGuard(); }, "a guard was destroyed while its async_drop is running");
    finish();
}

void leave_a_mark(std::string_view sentence) noexcept {
    std::fprintf(stderr, "custom handler: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
}

TEST_F(MisuseDeathTest, TheHandlerCanBeReplacedAndTheProgramStillEnds) {
    AsyncDropGuard<Resource> guard;
    asyncdrop::set_misuse_handler(&leave_a_mark);
    EXPECT_DEATH((void)guard->name(), "custom handler: asyncdrop: an empty guard was dereferenced");
    asyncdrop::set_misuse_handler(nullptr);
}

}  // namespace
}  // namespace asyncdrop_test
