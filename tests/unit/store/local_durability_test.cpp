// What the local store asks the kernel to make durable, in which order, and what it does when the kernel
// refuses. This program's own fsync, fdatasync, pwritev2 and io_uring_submit take the place of those of libc
// and liburing: they record, then do the real thing or fail.

#include <fcntl.h>
#include <liburing.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <mutex>

#include "demofs/store/file_descriptor.hpp"
#include "demofs/store/io/worker_engine.hpp"
#include "demofs/store/local_object_store.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/store/store_test_base.hpp"

namespace {

std::mutex mutex;
std::vector<std::string> synced;  // "fsync <file name>"
std::atomic<int> failure = 0;     // the errno of all that is to be durable, 0 for none
std::atomic<bool> once = false;   // only the next one fails

void record(const std::string& call, int descriptor) {
    const std::lock_guard lock(mutex);
    std::error_code ignored;
    const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), ignored);
    synced.push_back(call + " " + path.filename().string());
}

int fail_or(long number, int descriptor) {
    if (const int error = failure.load(); error != 0) {
        if (once) failure = 0;
        errno = error;
        return -1;
    }
    return static_cast<int>(::syscall(number, descriptor));
}

void examine(io_uring_sqe& entry) {
    const bool write = entry.opcode == IORING_OP_WRITEV && (entry.rw_flags & RWF_DSYNC) != 0;
    const bool sync = entry.opcode == IORING_OP_FSYNC;
    if (!write && !sync) return;
    const bool data_only = (entry.fsync_flags & IORING_FSYNC_DATASYNC) != 0;
    record(write ? "durable write" : data_only ? "fdatasync" : "fsync", entry.fd);
    if (failure.load() != 0) entry.fd = -1;  // the kernel then answers EBADF
}

}  // namespace

extern "C" int fsync(int descriptor) {
    record("fsync", descriptor);
    return fail_or(SYS_fsync, descriptor);
}
extern "C" int fdatasync(int descriptor) {
    record("fdatasync", descriptor);
    return fail_or(SYS_fdatasync, descriptor);
}
extern "C" ssize_t pwritev2(int descriptor, const iovec* pieces, int count, off_t offset, int flags) {
    if ((flags & RWF_DSYNC) != 0) {
        record("durable write", descriptor);
        if (const int error = failure.load(); error != 0) {
            errno = error;
            return -1;
        }
    }
    return ::syscall(SYS_pwritev2, descriptor, pieces, count, offset, 0L, flags);
}
extern "C" int io_uring_submit(io_uring* ring) {
    for (unsigned at = ring->sq.sqe_head; at != ring->sq.sqe_tail; ++at)
        examine(ring->sq.sqes[at & *ring->sq.kring_mask]);
    return io_uring_submit_and_wait(ring, 0);
}

namespace demofs::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

enum class Engine { ring, workers };

class LocalDurabilityTest : public StoreTestBase, public testing::WithParamInterface<Engine> {
  protected:
    LocalDurabilityTest() {
        if (GetParam() == Engine::ring) {
            std::string unusable;
            io_ = open_io_engine(context_.get_executor(), *pool_, &unusable);
            EXPECT_EQ(unusable, "") << "THE DURABILITY OF WRITES BY io_uring IS NOT TESTED";
        } else {
            io_ = WorkerEngine::make(*pool_);
        }
        run(LocalObjectStore::initialize(*pool_, directory_.path()));
        const LocalStoreOptions options;
        store_ = run(LocalObjectStore::open(*io_, *pool_, directory_.path(), options));
        static_cast<void>(take_syncs());
    }
    ~LocalDurabilityTest() override {
        failure = 0;
        once = false;
        if (writer_) run(writer_.async_drop());
        run(store_.async_drop());
        run(io_.async_drop());
        run(pool_.async_drop());
    }

    /// What the kernel answers when `failure` is EIO.
    static std::errc expected_failure() {
        return GetParam() == Engine::ring ? std::errc::bad_file_descriptor : std::errc::io_error;
    }

    static std::vector<std::string> take_syncs() {
        const std::lock_guard lock(mutex);
        return std::exchange(synced, {});
    }

    test_support::TempDir directory_;
    asyncdrop::AsyncDropBox<WorkerPool> pool_ = WorkerPool::make(1);
    asyncdrop::AsyncDropBox<IoEngine> io_;
    asyncdrop::AsyncDropBox<LocalObjectStore> store_;
    asyncdrop::AsyncDropBox<ObjectWriter> writer_;
};

TEST_P(LocalDurabilityTest, InitializingSyncsTheVaultDirectory) {
    const test_support::TempDir other;
    run(LocalObjectStore::initialize(*pool_, other.path()));
    EXPECT_THAT(take_syncs(), ElementsAre("fsync " + other.path().filename().string()));
}

TEST_P(LocalDurabilityTest, CreatingSyncsTheFileThenItsName) {
    writer_ = run(store_->create("a1"));
    EXPECT_THAT(take_syncs(), ElementsAre("fsync a1", "fsync objects"));
}

TEST_P(LocalDurabilityTest, OnlySyncsAndSyncedAppendsAndSealsTouchTheDevice) {
    writer_ = run(store_->create("a1"));
    static_cast<void>(take_syncs());
    append(writer_, "synced", Durability::synced);
    EXPECT_THAT(take_syncs(), ElementsAre("durable write a1"));
    append(writer_, "buffered");
    EXPECT_THAT(take_syncs(), IsEmpty());
    append(writer_, "synced", Durability::synced);  // a durable write would leave out what was before it
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync a1"));
    append(writer_, "", Durability::synced);
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

TEST_P(LocalDurabilityTest, RemovingSyncsTheDirectory) {
    write_object(store_, "a1", "x");
    static_cast<void>(take_syncs());
    run(store_->remove("a1"));
    EXPECT_THAT(take_syncs(), ElementsAre("fsync objects"));
}

TEST_P(LocalDurabilityTest, AFailedSyncIsNeverRetried) {
    writer_ = run(store_->create("a1"));
    append(writer_, "buffered");
    static_cast<void>(take_syncs());
    failure = EIO;
    const auto error = failure_of([&] { run(writer_->sync()); });
    EXPECT_EQ(errno_of(error), expected_failure());
    EXPECT_THAT(describe(error), testing::HasSubstr((directory_ / "objects" / "a1").string()));
    EXPECT_TRUE(writer_->failed());
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync a1"));

    failure = 0;  // the device works again, but nobody knows what it lost
    EXPECT_TRUE(has_code(failure_of([&] { run(writer_->sync()); }), Errc::writes_failed));
    EXPECT_TRUE(has_code(failure_of([&] { run(writer_->seal()); }), Errc::writes_failed));
    EXPECT_TRUE(has_code(failure_of([&] { append(writer_, "x"); }), Errc::writes_failed));
    EXPECT_FALSE(writer_->ended());
    EXPECT_THAT(take_syncs(), IsEmpty());
    EXPECT_EQ(read(store_, "a1", 8), "buffered");
}

TEST_P(LocalDurabilityTest, AnAppendWhoseSyncFailsDoesNotCount) {
    writer_ = run(store_->create("a1"));
    failure = EIO;
    EXPECT_EQ(errno_of_failure([&] { append(writer_, "abc", Durability::synced); }), expected_failure());
    EXPECT_EQ(writer_->size(), 0U);
    EXPECT_TRUE(writer_->failed());
}

TEST_P(LocalDurabilityTest, AFailedDurableWriteIsNeverRetried) {
    writer_ = run(store_->create("a1"));
    append(writer_, "kept", Durability::synced);
    static_cast<void>(take_syncs());
    failure = EIO;
    EXPECT_EQ(errno_of_failure([&] { append(writer_, "lost", Durability::synced); }), expected_failure());
    EXPECT_THAT(take_syncs(), ElementsAre("durable write a1"));
    failure = 0;
    EXPECT_TRUE(has_code(failure_of([&] { append(writer_, "x"); }), Errc::writes_failed));
    EXPECT_THAT(take_syncs(), IsEmpty());
    EXPECT_EQ(read(store_, "a1", 4), "kept");
}

TEST_P(LocalDurabilityTest, ZerosWrittenAheadAreMadeDurable) {
    const std::string page(4096, 'x');
    writer_ = run(store_->create("a1"));
    append(writer_, page, Durability::synced);
    append(writer_, page, Durability::synced);
    static_cast<void>(take_syncs());
    append(writer_, page, Durability::synced);  // waits for the zeros, being among the first
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync a1", "durable write a1"));
}

TEST_P(LocalDurabilityTest, AFailedSyncOfZerosFailsTheWriterBecauseTheKernelTellsOfLossesOnce) {
    const std::string page(4096, 'x');
    writer_ = run(store_->create("a1"));
    append(writer_, page, Durability::synced);
    append(writer_, page, Durability::synced);
    failure = EIO;  // meets the sync of the zeros, which are being written now
    EXPECT_EQ(errno_of_failure([&] { append(writer_, page); }), expected_failure());
    failure = 0;
    EXPECT_TRUE(writer_->failed());
    EXPECT_TRUE(has_code(failure_of([&] { run(writer_->sync()); }), Errc::writes_failed));
}

TEST_P(LocalDurabilityTest, OpeningForWritingMakesDurableWhatAKilledWriterLeftUnsealed) {
    write_object(store_, "unsealed", "x");
    writer_ = run(store_->create("sealed"));
    run(writer_->seal());
    run(writer_.async_drop());
    run(store_.async_drop());
    static_cast<void>(take_syncs());
    LocalStoreOptions options;
    options.access = LocalAccess::read_only;
    store_ = run(LocalObjectStore::open(*io_, *pool_, directory_.path(), options));
    EXPECT_THAT(take_syncs(), IsEmpty());
    run(store_.async_drop());
    options.access = LocalAccess::read_write;
    store_ = run(LocalObjectStore::open(*io_, *pool_, directory_.path(), options));
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync unsealed"));
}

// A failed sync leaves the lost pages in the cache, as clean as these here are: they prove nothing.
TEST_P(LocalDurabilityTest, OpeningForWritingReadsWhatWasLeftUnsealedPastThePageCache) {
    struct statfs medium{};
    ASSERT_EQ(::statfs(directory_.path().c_str(), &medium), 0);
    if (medium.f_type == TMPFS_MAGIC) GTEST_SKIP() << "A tmpfs is nothing but page cache.";
    run(store_.async_drop());
    LocalStoreOptions options;
    options.direct = false;
    store_ = run(LocalObjectStore::open(*io_, *pool_, directory_.path(), options));
    write_object(store_, "unsealed", "text");
    run(store_.async_drop());
    const FileDescriptor file(::open((directory_ / "objects" / "unsealed").c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(file);
    std::array<char, 4> text{};
    ASSERT_EQ(::pread(file.get(), text.data(), text.size(), 0), 4);
    iovec piece{text.data(), text.size()};
    ASSERT_EQ(::preadv2(file.get(), &piece, 1, 0, RWF_NOWAIT), 4);  // from the cache

    store_ = run(LocalObjectStore::open(*io_, *pool_, directory_.path(), options));
    EXPECT_EQ(::preadv2(file.get(), &piece, 1, 0, RWF_NOWAIT), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(read(store_, "unsealed"), "text");
}

TEST_P(LocalDurabilityTest, AnErrorOfTheLastWriterIsNotTakenForOneOfToday) {
    write_object(store_, "unsealed", "x");
    run(store_.async_drop());
    static_cast<void>(take_syncs());
    const LocalStoreOptions options;
    failure = EIO;
    const auto open = [&] { store_ = run(LocalObjectStore::open(*io_, *pool_, directory_.path(), options)); };
    EXPECT_EQ(errno_of_failure(open), std::errc::io_error);
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync unsealed", "fdatasync unsealed"));
    once = true;  // the kernel tells of a loss once
    open();
    EXPECT_THAT(take_syncs(), ElementsAre("fdatasync unsealed", "fdatasync unsealed"));
}

TEST_P(LocalDurabilityTest, ACreationWhoseNameIsNotDurableFails) {
    failure = EIO;
    EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(store_->create("a1"))); }), std::errc::io_error);
    failure = 0;
    run(store_->remove("a1"));  // the file is there, but nobody writes it
}

INSTANTIATE_TEST_SUITE_P(EveryEngine, LocalDurabilityTest, testing::Values(Engine::ring, Engine::workers),
                         [](const auto& engine) {
                             return engine.param == Engine::ring ? "IoUring" : "Workers";
                         });

}  // namespace
}  // namespace demofs::store
