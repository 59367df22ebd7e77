#include "demofs/store/fault_object_store.hpp"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>

#include "demofs/store/testing/memory_object_store.hpp"
#include "tests/unit/store/store_test_base.hpp"

namespace demofs::store {
namespace {

class FaultObjectStoreTest : public StoreTestBase {
  protected:
    ~FaultObjectStoreTest() override {
        plan_->clear();
        if (writer_) run(writer_.async_drop());
        if (store_) run(store_.async_drop());
    }

    void create(const std::string& name) { writer_ = run(store_->create(name)); }
    static Fault fault(OperationKind kind, std::uint64_t nth = 1) {
        Fault fault;
        fault.kind = kind;
        fault.nth = nth;
        return fault;
    }

    std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
    std::shared_ptr<FaultPlan> plan_ = std::make_shared<FaultPlan>();
    asyncdrop::AsyncDropBox<FaultObjectStore> store_ =
        FaultObjectStore::make(MemoryObjectStore::open(disk_), plan_);
    asyncdrop::AsyncDropBox<ObjectWriter> writer_;
};

TEST_F(FaultObjectStoreTest, OnlyTheNthOperationOfTheKindFails) {
    create("a1");
    append(writer_, "abc");
    plan_->add(fault(OperationKind::read, 2));
    EXPECT_EQ(read(store_, "a1"), "abc");
    static_cast<void>(run(store_->list()));  // another kind does not count
    EXPECT_EQ(errno_of_failure([&] { read(store_, "a1"); }), std::errc::io_error);
    EXPECT_EQ(read(store_, "a1"), "abc");
}

TEST_F(FaultObjectStoreTest, APersistentFaultStaysUntilItIsCleared) {
    Fault full;
    full.error = std::errc::no_space_on_device;
    full.persistent = true;
    plan_->add(full);
    EXPECT_EQ(errno_of_failure([&] { create("a1"); }), std::errc::no_space_on_device);
    EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(store_->list())); }),
              std::errc::no_space_on_device);
    EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(store_->space())); }),
              std::errc::no_space_on_device);
    plan_->clear();
    create("a1");
    EXPECT_TRUE(disk_->contains("a1"));
}

TEST_F(FaultObjectStoreTest, AFailedAppendWritesNothingAndEndsTheWriter) {
    create("a1");
    append(writer_, "kept");
    plan_->add(fault(OperationKind::append));
    EXPECT_EQ(errno_of_failure([&] { append(writer_, "lost"); }), std::errc::io_error);
    EXPECT_TRUE(writer_->failed());
    EXPECT_TRUE(has_code(failure_of([&] { append(writer_, "refused"); }), Errc::writes_failed));
    EXPECT_TRUE(has_code(failure_of([&] { run(writer_->sync()); }), Errc::writes_failed));
    EXPECT_TRUE(has_code(failure_of([&] { run(writer_->seal()); }), Errc::writes_failed));
    EXPECT_EQ(read(store_, "a1"), "kept");
}

TEST_F(FaultObjectStoreTest, ASyncedAppendCanFailInItsSync) {
    create("a1");
    plan_->add(fault(OperationKind::sync));
    EXPECT_EQ(errno_of_failure([&] { append(writer_, "abc", Durability::synced); }), std::errc::io_error);
    EXPECT_TRUE(writer_->failed());
    EXPECT_EQ(read(store_, "a1"), "abc");
    EXPECT_EQ(disk_->durable_bytes("a1"), 0U);
}

TEST_F(FaultObjectStoreTest, AnAppliedFaultTakesEffectAndFails) {
    Fault late = fault(OperationKind::append);
    late.applied = true;
    create("a1");
    plan_->add(late);
    EXPECT_EQ(errno_of_failure([&] { append(writer_, "abc"); }), std::errc::io_error);
    EXPECT_EQ(read(store_, "a1"), "abc");
    EXPECT_TRUE(writer_->failed());

    late.kind = OperationKind::create;
    plan_->add(late);
    failure_of([&] { static_cast<void>(run(store_->create("a2"))); });
    EXPECT_TRUE(disk_->contains("a2"));
    run(store_->remove("a2"));  // its writer below has been dropped

    late.kind = OperationKind::remove;
    plan_->add(late);
    write_object(store_, "a3", "x");
    failure_of([&] { run(store_->remove("a3")); });
    EXPECT_FALSE(disk_->contains("a3"));
}

TEST_F(FaultObjectStoreTest, ClosingFailsButStillClosesWhatIsBelow) {
    create("a1");
    plan_->add(fault(OperationKind::close_writer));
    EXPECT_EQ(errno_of_failure([&] { run(writer_.async_drop()); }), std::errc::io_error);
    EXPECT_TRUE(writer_.is_dropped());
    run(store_->remove("a1"));  // EBUSY if its writer were open

    plan_->add(fault(OperationKind::close_store));
    EXPECT_EQ(errno_of_failure([&] { run(store_.async_drop()); }), std::errc::io_error);
    EXPECT_TRUE(store_.is_dropped());
}

TEST_F(FaultObjectStoreTest, AHeldOperationWaitsForItsRelease) {
    create("a1");
    plan_->hold(OperationKind::append, 2);
    append(writer_, "first");
    bool done = false;
    asio::co_spawn(context_, writer_->append(as_bytes(" second"), Durability::buffered),
                   [&](const std::exception_ptr& error) {
                       EXPECT_EQ(describe(error), "no error");
                       done = true;
                   });
    context_.restart();
    context_.poll();
    EXPECT_FALSE(done);
    EXPECT_EQ(plan_->held(), 1U);
    EXPECT_EQ(read(store_, "a1"), "first");  // other operations go on
    plan_->release();
    context_.restart();
    context_.run();
    EXPECT_TRUE(done);
    EXPECT_EQ(plan_->held(), 0U);
    EXPECT_EQ(read(store_, "a1"), "first second");
    append(writer_, " third");  // nothing is held any more
}

TEST_F(FaultObjectStoreTest, OnlyTheNthOperationHangsUnlessAllAreTo) {
    create("a1");
    Fault once = fault(OperationKind::append, 2);
    once.effect = FaultEffect::hang;
    plan_->add(once);
    append(writer_, "first");
    bool done = false;
    asio::co_spawn(context_, writer_->append(as_bytes(" second"), Durability::buffered),
                   [&](const std::exception_ptr&) { done = true; });
    context_.restart();
    context_.poll();
    EXPECT_EQ(plan_->held(), 1U);
    asyncdrop::AsyncDropBox<ObjectWriter> another = run(store_->create("a2"));
    append(another, "not held");
    run(another.async_drop());
    EXPECT_FALSE(done);
    plan_->release();
    context_.restart();
    context_.run();
    EXPECT_TRUE(done);
}

TEST_F(FaultObjectStoreTest, ADelayedOperationTakesEffectLater) {
    create("a1");
    Fault slow = fault(OperationKind::append);
    slow.effect = FaultEffect::delay;
    slow.delay = std::chrono::milliseconds(50);
    plan_->add(slow);
    bool done = false;
    asio::co_spawn(context_, writer_->append(as_bytes("late"), Durability::buffered),
                   [&](const std::exception_ptr& error) {
                       EXPECT_EQ(describe(error), "no error");
                       done = true;
                   });
    context_.restart();
    context_.poll();
    EXPECT_FALSE(done);
    EXPECT_EQ(read(store_, "a1"), "");
    context_.restart();
    context_.run();
    EXPECT_TRUE(done);
    EXPECT_EQ(read(store_, "a1"), "late");
}

TEST_F(FaultObjectStoreTest, OverAStoreOfSomebodyElseItLeavesThatAlone) {
    auto below = MemoryObjectStore::open(disk_);
    auto over = FaultObjectStore::make(*below, plan_);
    plan_->add(fault(OperationKind::list));
    EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(over->list())); }), std::errc::io_error);
    run(over.async_drop());
    EXPECT_EQ(run(below->list()).size(), 0U);
    run(below.async_drop());
}

TEST(FaultSpec, IsOperationNumberAndEffect) {
    const Fault third = parse_fault("write:3:eio");
    EXPECT_EQ(third.kind, OperationKind::append);
    EXPECT_EQ(third.nth, 3U);
    EXPECT_EQ(third.effect, FaultEffect::fail);
    EXPECT_EQ(third.error, std::errc::io_error);
    EXPECT_FALSE(third.persistent);
    const Fault full = parse_fault("sync:12+:enospc");
    EXPECT_EQ(full.kind, OperationKind::sync);
    EXPECT_EQ(full.nth, 12U);
    EXPECT_EQ(full.error, std::errc::no_space_on_device);
    EXPECT_TRUE(full.persistent);
    EXPECT_EQ(parse_fault("read:1:hang").effect, FaultEffect::hang);
    EXPECT_EQ(parse_fault("read:1+:delay=50").effect, FaultEffect::delay);
    EXPECT_EQ(parse_fault("read:1+:delay=50").delay, std::chrono::milliseconds(50));
}

TEST(FaultSpec, OfAnythingElseIsRefusedWithTheReason) {
    const auto why = [](const std::string& spec) -> std::string {
        try {
            static_cast<void>(parse_fault(spec));
            return "taken";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), std::errc::invalid_argument);
            return error.what();
        }
    };
    EXPECT_THAT(why(""), testing::HasSubstr("OPERATION:N:EFFECT"));
    EXPECT_THAT(why("write:3"), testing::HasSubstr("OPERATION:N:EFFECT"));
    EXPECT_THAT(why("append:3:eio"), testing::HasSubstr("the operation has to be create, write, sync"));
    for (const char* spec : {"write:0:eio", "write:-1:eio", "write:+:eio", "write:3++:eio", "write::eio",
                             "write:99999999999999999999:eio"})
        EXPECT_THAT(why(spec), testing::HasSubstr("N has to be a number")) << spec;
    for (const char* spec : {"write:1:", "write:1:enoent", "write:1:eio:", "write:1:delay"})
        EXPECT_THAT(why(spec), testing::HasSubstr("the effect has to be")) << spec;
    for (const char* spec : {"write:1:delay=", "write:1:delay=0", "write:1:delay=x", "write:1:delay=3600001"})
        EXPECT_THAT(why(spec), testing::HasSubstr("the delay has to be")) << spec;
}

TEST_F(FaultObjectStoreTest, OperationsAreCountedSoThatEachCanBeMadeToFail) {
    const auto workload = [&](const std::string& name) {
        asyncdrop::AsyncDropBox<ObjectWriter> writer = run(store_->create(name));
        std::exception_ptr error;
        try {
            append(writer, "x", Durability::synced);
            run(writer->seal());
        } catch (...) {
            error = std::current_exception();
        }
        try {
            run(writer.async_drop());
        } catch (...) {
            if (!error) error = std::current_exception();
        }
        if (error) std::rethrow_exception(error);
    };
    workload("clean");
    const std::uint64_t operations = plan_->operations();
    EXPECT_EQ(operations, 5U);  // create, append, sync, seal, close
    for (std::uint64_t n = 1; n <= operations + 1; ++n) {
        plan_->clear();
        Fault any;
        any.nth = n;
        plan_->add(any);
        const std::string name = "faulty-" + std::to_string(n);
        if (n <= operations) {
            EXPECT_EQ(errno_of_failure([&] { workload(name); }), std::errc::io_error) << n;
        } else {
            EXPECT_NO_THROW(workload(name));
        }
    }
}

}  // namespace
}  // namespace demofs::store
