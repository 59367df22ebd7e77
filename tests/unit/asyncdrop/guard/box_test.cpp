// AsyncDropBox: abstract types, immovable types, stable addresses.
#include <asyncdrop/box.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/system/result.hpp>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropBox;
using asyncdrop::make_box;
using test_support::run_coroutine;
using testing::ElementsAre;

/// An interface without a virtual destructor and without any cleanup of its own.
class Store {
  public:
    virtual int load() = 0;

  protected:
    ~Store() = default;
};

struct Padding {
    virtual void unused() {}
    long filler[3] = {};

  protected:
    ~Padding() = default;
};

/// Immovable, and its Store is not at its beginning.
class LocalStore final : public Padding, public Store {
  public:
    LocalStore(asyncdrop::Passkey<LocalStore>, Journal& log, int value) : log_(log), value_(value) {}
    LocalStore(LocalStore&&) = delete;
    ~LocalStore() { log_.add("destroy"); }
    int load() override { return value_; }
    asio::awaitable<void> async_drop_impl() {
        co_await yield();
        log_.add("drop");
        if (value_ < 0) throw Failure("negative");
    }

  private:
    Journal& log_;
    int value_;
};

class Box : public testing::Test {
  protected:
    asio::io_context context_;
    Journal log_;
};

TEST_F(Box, ABoxOfADerivedTypeBecomesABoxOfItsInterface) {
    auto box = make_box<LocalStore>(log_, 5);
    const auto line = __LINE__ - 1;
    Store* address = &*box;
    AsyncDropBox<Store> store = std::move(box);
    EXPECT_FALSE(box);
    EXPECT_EQ(&*store, address);
    EXPECT_EQ(store->load(), 5);
    EXPECT_EQ(store.creation_site().line(), static_cast<unsigned>(line));
    EXPECT_THAT(std::string(store.resource_name()), testing::HasSubstr("LocalStore"));
    run_coroutine(context_, store.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop", "destroy"));
    EXPECT_TRUE(store.is_dropped());
    run_coroutine(context_, store.async_drop());
    EXPECT_EQ(log_.events().size(), 2u);
}

TEST_F(Box, FailedCleanupStillDestroysTheWholeObject) {
    AsyncDropBox<Store> store = make_box<LocalStore>(log_, -1);
    EXPECT_THROW(run_coroutine(context_, store.async_drop()), Failure);
    EXPECT_THAT(log_.events(), ElementsAre("drop", "destroy"));
    EXPECT_TRUE(store.is_dropped());
}

TEST_F(Box, MovingKeepsTheAddress) {
    auto first = make_box<LocalStore>(log_, 1);
    LocalStore* address = &*first;
    AsyncDropBox<LocalStore> second = std::move(first);
    AsyncDropBox<LocalStore> third;
    swap(second, third);
    EXPECT_EQ(&*third, address);
    EXPECT_FALSE(first);
    EXPECT_FALSE(second);
    run_coroutine(context_, third.async_drop());
}

TEST_F(Box, HoldsSynchronousCleanupToo) {
    auto box = make_box<SyncResource>(log_);
    run_coroutine(context_, box.async_drop());
    EXPECT_THAT(log_.events(), ElementsAre("drop sync"));
}

struct FailsWithCode {
    asio::awaitable<boost::system::result<void>> async_drop_impl() {
        co_await yield();
        co_return make_error_code(boost::system::errc::io_error);
    }
};

TEST_F(Box, AResultWithAnErrorArrivesAsException) {
    auto box = make_box<FailsWithCode>();
    EXPECT_THROW(run_coroutine(context_, box.async_drop()), boost::system::system_error);
    EXPECT_TRUE(box.is_dropped());
}

TEST_F(Box, EmptyBoxIsSilent) {
    AsyncDropBox<Store> box;
    EXPECT_FALSE(box);
    run_coroutine(context_, box.async_drop());
}

TEST_F(Box, ForgottenBoxIsReportedWithTheTypeThatWasPutIn) {
    RecordForgotten forgotten;
    {
        AsyncDropBox<Store> store = make_box<LocalStore>(log_, 1);
    }
    ASSERT_EQ(forgotten.reports().size(), 1u);
    EXPECT_THAT(forgotten.reports().front().type, testing::HasSubstr("LocalStore"));
    EXPECT_THAT(log_.events(), ElementsAre("destroy"));
}

static_assert(!std::is_copy_constructible_v<AsyncDropBox<Store>>);
static_assert(std::is_nothrow_move_constructible_v<AsyncDropBox<Store>>);
static_assert(!std::is_convertible_v<AsyncDropBox<Store>, AsyncDropBox<LocalStore>>, "no downcast");

}  // namespace
}  // namespace asyncdrop_test
