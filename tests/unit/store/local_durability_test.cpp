// Which files the local store asks the kernel to make durable, in which order, and what it does when the
// kernel refuses. This program's own fsync and fdatasync take the place of libc's: they record, then do the
// real thing or fail.

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <mutex>

#include "demofs/store/local_object_store.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/store/store_test_base.hpp"

namespace {

std::mutex mutex;
std::vector<std::string> synced;  // "fsync <path>"
std::atomic<int> failure = 0;     // the errno of all syncs, 0 for none

int record_sync(const char* call, long number, int descriptor) {
    {
        const std::lock_guard lock(mutex);
        std::error_code ignored;
        const auto path =
            std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), ignored);
        synced.push_back(std::string(call) + " " + path.filename().string());
    }
    if (const int error = failure.load(); error != 0) {
        errno = error;
        return -1;
    }
    return static_cast<int>(::syscall(number, descriptor));
}

}  // namespace

extern "C" int fsync(int descriptor) {
    return record_sync("fsync", SYS_fsync, descriptor);
}
extern "C" int fdatasync(int descriptor) {
    return record_sync("fdatasync", SYS_fdatasync, descriptor);
}

namespace demofs::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LocalDurabilityTest : public StoreTestBase {
  protected:
    LocalDurabilityTest() {
        run(LocalObjectStore::initialize(*pool_, directory_.path()));
        const LocalStoreOptions options;
        store_ = run(LocalObjectStore::open(*pool_, directory_.path(), options));
        static_cast<void>(take_syncs());
    }
    ~LocalDurabilityTest() override {
        failure = 0;
        if (writer_) run(writer_.async_drop());
        run(store_.async_drop());
        run(pool_.async_drop());
    }

    static std::vector<std::string> take_syncs() {
        const std::lock_guard lock(mutex);
        return std::exchange(synced, {});
    }

    test_support::TempDir directory_;
    asyncdrop::AsyncDropBox<WorkerPool> pool_ = WorkerPool::make(1);
    asyncdrop::AsyncDropBox<LocalObjectStore> store_;
    asyncdrop::AsyncDropBox<ObjectWriter> writer_;
};

TEST_F(LocalDurabilityTest, InitializingSyncsTheVaultDirectory) {
    const test_support::TempDir other;
    run(LocalObjectStore::initialize(*pool_, other.path()));
    EXPECT_THAT(take_syncs(), ElementsAre("fsync " + other.path().filename().string()));
}

TEST_F(LocalDurabilityTest, CreatingSyncsTheFileThenItsName) {
    writer_ = run(store_->create("a1"));
    EXPECT_THAT(take_syncs(), ElementsAre("fsync a1", "fsync objects"));
}

TEST_F(LocalDurabilityTest, OnlySyncsAndSyncedAppendsAndSealsTouchTheDevice) {
    writer_ = run(store_->create("a1"));
    static_cast<void>(take_syncs());
    append(writer_, "buffered");
    EXPECT_THAT(take_syncs(), IsEmpty());
    append(writer_, "synced", Durability::synced);
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync a1"));
    append(writer_, "buffered");
    run(writer_->sync());
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync a1"));
    run(writer_->seal());
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync a1"));
    run(writer_->seal());
    run(writer_.async_drop());
    EXPECT_THAT(take_syncs(), IsEmpty());
}

TEST_F(LocalDurabilityTest, RemovingSyncsTheDirectory) {
    write_object(store_, "a1", "x");
    static_cast<void>(take_syncs());
    run(store_->remove("a1"));
    EXPECT_THAT(take_syncs(), ElementsAre("fsync objects"));
}

TEST_F(LocalDurabilityTest, AFailedSyncIsNeverRetried) {
    writer_ = run(store_->create("a1"));
    append(writer_, "buffered");
    static_cast<void>(take_syncs());
    failure = EIO;
    const auto error = failure_of([&] { run(writer_->sync()); });
    EXPECT_EQ(errno_of(error), std::errc::io_error);
    EXPECT_THAT(describe(error), testing::HasSubstr((directory_ / "objects" / "a1").string()));
    EXPECT_TRUE(writer_->failed());
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync a1"));

    failure = 0;  // the device works again, but nobody knows what it lost
    EXPECT_TRUE(has_code(failure_of([&] { run(writer_->sync()); }), Errc::writes_failed));
    EXPECT_TRUE(has_code(failure_of([&] { run(writer_->seal()); }), Errc::writes_failed));
    EXPECT_TRUE(has_code(failure_of([&] { append(writer_, "x"); }), Errc::writes_failed));
    EXPECT_FALSE(writer_->ended());
    EXPECT_THAT(take_syncs(), IsEmpty());
    EXPECT_EQ(read(store_, "a1"), "buffered");
}

TEST_F(LocalDurabilityTest, AnAppendWhoseSyncFailsDoesNotCount) {
    writer_ = run(store_->create("a1"));
    failure = EIO;
    EXPECT_EQ(errno_of_failure([&] { append(writer_, "abc", Durability::synced); }), std::errc::io_error);
    EXPECT_EQ(writer_->size(), 0U);
    EXPECT_TRUE(writer_->failed());
}

TEST_F(LocalDurabilityTest, OpeningForWritingMakesDurableWhatAKilledWriterLeftUnsealed) {
    write_object(store_, "unsealed", "x");
    writer_ = run(store_->create("sealed"));
    run(writer_->seal());
    run(writer_.async_drop());
    run(store_.async_drop());
    static_cast<void>(take_syncs());
    LocalStoreOptions options;
    options.access = LocalAccess::read_only;
    store_ = run(LocalObjectStore::open(*pool_, directory_.path(), options));
    EXPECT_THAT(take_syncs(), IsEmpty());
    run(store_.async_drop());
    options.access = LocalAccess::read_write;
    store_ = run(LocalObjectStore::open(*pool_, directory_.path(), options));
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync unsealed"));
}

TEST_F(LocalDurabilityTest, ACreationWhoseNameIsNotDurableFails) {
    failure = EIO;
    EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(store_->create("a1"))); }), std::errc::io_error);
    failure = 0;
    run(store_->remove("a1"));  // the file is there, but nobody writes it
}

}  // namespace
}  // namespace demofs::store
