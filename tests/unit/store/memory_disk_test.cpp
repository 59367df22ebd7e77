#include "demofs/store/testing/memory_disk.hpp"

#include <random>

#include "demofs/store/testing/memory_object_store.hpp"
#include "tests/unit/store/store_test_base.hpp"

namespace demofs::store {
namespace {

class MemoryDiskTest : public StoreTestBase {
  protected:
    ~MemoryDiskTest() override {
        if (writer_) run(writer_.async_drop());
        run(store_.async_drop());
    }

    void create(const std::string& name) { writer_ = run(store_->create(name)); }
    static std::string text(const MemoryDisk& disk, const std::string& name) {
        const Bytes contents = disk.contents(name);
        return std::string(as_text(contents));
    }

    std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
    asyncdrop::AsyncDropBox<MemoryObjectStore> store_ = MemoryObjectStore::open(disk_);
    asyncdrop::AsyncDropBox<ObjectWriter> writer_;
};

TEST_F(MemoryDiskTest, ACrashKeepsWhatWasSyncedAndTreatsTheRestAsTold) {
    create("a1");
    append(writer_, "synced", Durability::synced);
    append(writer_, "+unsynced");
    EXPECT_EQ(disk_->durable_bytes("a1"), 6U);
    EXPECT_EQ(text(disk_->crashed(lose_unsynced()), "a1"), "synced");
    EXPECT_EQ(text(disk_->crashed(keep_unsynced()), "a1"), "synced+unsynced");
    EXPECT_EQ(text(disk_->crashed(tear_unsynced_at(3)), "a1"), "synced+un");
    EXPECT_EQ(text(disk_->crashed(tear_unsynced_at(300)), "a1"), "synced+unsynced");
    EXPECT_EQ(text(*disk_, "a1"), "synced+unsynced");  // the disk itself has not crashed
}

TEST_F(MemoryDiskTest, ACreatedNameSurvivesACrash) {
    create("a1");
    append(writer_, "lost");
    const MemoryDisk after = disk_->crashed(lose_unsynced());
    EXPECT_TRUE(after.contains("a1"));
    EXPECT_EQ(text(after, "a1"), "");
}

TEST_F(MemoryDiskTest, AStoreOnACrashedDiskReadsWhatIsLeftAndWritesAnew) {
    create("a1");
    append(writer_, "synced", Durability::synced);
    append(writer_, "lost");
    auto after = std::make_shared<MemoryDisk>(disk_->crashed(lose_unsynced()));
    auto store = MemoryObjectStore::open(after);
    EXPECT_EQ(read(store, "a1"), "synced");
    write_object(store, "a2", "new");
    run(store->remove("a1"));  // its former writer died in the crash
    append(writer_, " and more");
    EXPECT_EQ(text(*disk_, "a1"), "syncedlost and more");
    EXPECT_FALSE(disk_->contains("a2"));
    EXPECT_FALSE(after->contains("a1"));
    run(store.async_drop());
}

TEST_F(MemoryDiskTest, AFailedSyncLeavesItsBytesToTheCacheUntilAnotherStoreIsOpenedForWriting) {
    create("a1");
    append(writer_, "synced", Durability::synced);
    disk_->fail_sync(1);
    EXPECT_EQ(errno_of_failure([&] { append(writer_, "lost", Durability::synced); }), std::errc::io_error);
    run(writer_.async_drop());
    EXPECT_EQ(read(store_, "a1"), "syncedlost");  // as if it were there
    EXPECT_EQ(text(disk_->crashed(lose_unsynced()), "a1"), "synced");
    auto next = MemoryObjectStore::open(disk_);
    EXPECT_EQ(read(next, "a1"), std::string("synced\0\0\0\0", 10));
    EXPECT_EQ(disk_->durable_bytes("a1"), 10U);
    run(next.async_drop());
}

TEST_F(MemoryDiskTest, OpeningForWritingMakesDurableWhatAKilledWriterLeft) {
    create("a1");
    append(writer_, "unsynced");
    auto beside = MemoryObjectStore::open(disk_);
    EXPECT_EQ(disk_->durable_bytes("a1"), 0U);  // is being written
    run(beside.async_drop());
    run(writer_.async_drop());
    auto next = MemoryObjectStore::open(disk_);
    EXPECT_EQ(text(disk_->crashed(lose_unsynced()), "a1"), "unsynced");
    run(next.async_drop());
}

TEST_F(MemoryDiskTest, ASnapshotDoesNotSeeLaterChanges) {
    create("a1");
    append(writer_, "one");
    const MemoryDisk then = disk_->snapshot();
    append(writer_, "two", Durability::synced);
    write_object(store_, "a2", "x");
    EXPECT_EQ(text(then, "a1"), "one");
    EXPECT_EQ(then.durable_bytes("a1"), 0U);
    EXPECT_EQ(then.object_count(), 1U);
    EXPECT_EQ(text(then.crashed(lose_unsynced()), "a1"), "");
}

TEST_F(MemoryDiskTest, TheHookSeesEveryStepInOrderWithItsState) {
    std::vector<std::string> steps;
    disk_->on_operation([&](const StoreOperation& step) {
        const std::string state =
            disk_->contains(step.name) ? text(disk_->crashed(lose_unsynced()), step.name) : "gone";
        steps.push_back(std::string(to_string(step.kind)) + "@" + std::to_string(step.offset) + ":" + state);
    });
    create("a1");
    append(writer_, "12");
    append(writer_, "34", Durability::synced);
    run(writer_->seal());
    run(writer_.async_drop());
    run(store_->remove("a1"));
    EXPECT_THAT(steps, testing::ElementsAre("create@0:", "append@0:", "append@2:", "sync@0:1234",
                                            "sync@0:1234", "remove@0:gone"));
}

TEST_F(MemoryDiskTest, ReorderedPagesAreKeptZeroedOrTornAndDurableBytesStay) {
    create("a1");
    const std::string durable(5'000, 'd');
    const std::string volatile_bytes(40'000, 'v');
    append(writer_, durable, Durability::synced);
    append(writer_, volatile_bytes);
    const std::string whole = durable + volatile_bytes;
    bool some_hole = false;
    bool some_tear = false;
    bool some_kept = false;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const std::string after = text(disk_->crashed(reorder_unsynced(seed)), "a1");
        ASSERT_LE(after.size(), whole.size());
        ASSERT_EQ(after.substr(0, durable.size()), durable);
        EXPECT_EQ(after, text(disk_->crashed(reorder_unsynced(seed)), "a1"));  // the seed decides
        bool hole_before = false;
        for (std::size_t page = 8'192; page + 4'096 <= after.size(); page += 4'096) {
            const std::string_view bytes = std::string_view(after).substr(page, 4'096);
            const std::size_t kept = bytes.find_first_not_of('v');
            // Each page: a kept start, then zeros only.
            if (kept != std::string_view::npos) {
                ASSERT_EQ(bytes.find_first_not_of('\0', kept), std::string_view::npos);
            }
            some_tear |= kept != std::string_view::npos && kept > 0;
            some_kept |= kept == std::string_view::npos && hole_before;
            hole_before |= kept == 0;
        }
        some_hole |= hole_before;
    }
    EXPECT_TRUE(some_hole && some_tear && some_kept);
}

TEST_F(MemoryDiskTest, PutReplacesContentsForTestsThatDamageThem) {
    write_object(store_, "a1", "good");
    disk_->put("a1", as_bytes("evil"));
    EXPECT_EQ(read(store_, "a1"), "evil");
    disk_->erase("a1");
    EXPECT_EQ(disk_->names(), std::vector<std::string>());
}

TEST_F(MemoryDiskTest, AFullMemoryStoreFailsTheAppendAndTheWriter) {
    MemoryStoreOptions options;
    options.capacity_bytes = 10;
    auto small = MemoryObjectStore::open(disk_, options);
    asyncdrop::AsyncDropBox<ObjectWriter> writer = run(small->create("a1"));
    append(writer, "12345678");
    EXPECT_EQ(errno_of_failure([&] { append(writer, "901"); }), std::errc::no_space_on_device);
    EXPECT_TRUE(writer->failed());
    EXPECT_EQ(run(small->space()).free_bytes, 2U);
    EXPECT_TRUE(has_code(failure_of([&] { append(writer, "9"); }), Errc::writes_failed));
    run(writer.async_drop());
    run(small.async_drop());
}

}  // namespace
}  // namespace demofs::store
