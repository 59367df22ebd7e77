#include "demofs/store/local_object_store.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <future>

#include "tests/support/temp_dir.hpp"
#include "tests/unit/store/store_test_base.hpp"

namespace demofs::store {
namespace {

namespace fs = std::filesystem;
using StoreBox = asyncdrop::AsyncDropBox<LocalObjectStore>;

class LocalObjectStoreTest : public StoreTestBase {
  protected:
    LocalObjectStoreTest() { run(LocalObjectStore::initialize(*pool_, vault())); }
    ~LocalObjectStoreTest() override {
        if (writer_) run(writer_.async_drop());
        if (store_) run(store_.async_drop());
        run(io_.async_drop());
        run(pool_.async_drop());
    }

    fs::path vault() const { return directory_.path(); }
    fs::path file(const std::string& name) const { return vault() / "objects" / name; }
    StoreBox open(LocalAccess access = LocalAccess::read_write, std::size_t max_open_files = 16) {
        LocalStoreOptions options;
        options.access = access;
        options.max_open_files = max_open_files;
        return run(LocalObjectStore::open(*io_, *pool_, vault(), options));
    }
    /// The exception of an opening that must fail.
    std::exception_ptr opening_failure(LocalAccess access = LocalAccess::read_write) {
        return failure_of([&] { static_cast<void>(open(access)); });
    }
    /// Forks while this process has one thread only (ThreadSanitizer demands it), then gives each side a
    /// pool. The child needs a context of its own and ends by _exit.
    pid_t fork_alone() {
        run(io_.async_drop());
        run(pool_.async_drop());
        const pid_t child = ::fork();
        pool_ = WorkerPool::make(2);
        if (child != 0) io_ = open_io_engine(context_.get_executor(), *pool_);
        return child;
    }
    static void put(const fs::path& path, std::string_view text) {
        std::ofstream(path, std::ios::binary) << text;
    }

    test_support::TempDir directory_;
    asyncdrop::AsyncDropBox<WorkerPool> pool_ = WorkerPool::make(2);
    asyncdrop::AsyncDropBox<IoEngine> io_ = open_io_engine(context_.get_executor(), *pool_);
    StoreBox store_;
    asyncdrop::AsyncDropBox<ObjectWriter> writer_;
};

TEST_F(LocalObjectStoreTest, AnObjectIsAFileOfItsNameAndBytes) {
    store_ = open();
    writer_ = run(store_->create("0123abcd"));
    append(writer_, "hello ");
    append(writer_, "world", Durability::synced);
    EXPECT_EQ(read(store_, "0123abcd"), "hello world");
    run(writer_->seal());
    EXPECT_EQ(fs::file_size(file("0123abcd")), 11U);
    EXPECT_EQ(store_->name(), "directory " + vault().string());
}

TEST_F(LocalObjectStoreTest, OnlyTheOwnerMayReadAnObjectAndNobodyWriteASealedOne) {
    store_ = open();
    writer_ = run(store_->create("a1"));
    struct stat state;
    ASSERT_EQ(::stat(file("a1").c_str(), &state), 0);
    EXPECT_EQ(state.st_mode & 0777U, 0600U);
    run(writer_->seal());
    ASSERT_EQ(::stat(file("a1").c_str(), &state), 0);
    EXPECT_EQ(state.st_mode & 0777U, 0400U);
}

TEST_F(LocalObjectStoreTest, SyncedDataIsThereAfterTheProcessIsKilled) {
    // The kernel keeps what was written: this shows that nothing waits in the process for its end.
    const pid_t child = fork_alone();
    if (child == 0) {
        asio::io_context context;
        io_ = open_io_engine(context.get_executor(), *pool_);
        const LocalStoreOptions options;
        auto store =
            test_support::run_coroutine(context, LocalObjectStore::open(*io_, *pool_, vault(), options));
        auto writer = test_support::run_coroutine(context, store->create("a1"));
        test_support::run_coroutine(context, writer->append(as_bytes("synced"), Durability::synced));
        ::kill(::getpid(), SIGKILL);
        ::_exit(1);
    }
    ASSERT_GT(child, 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    store_ = open();  // the lock died with the process
    const std::string zeros(4096 - 6, '\0');
    EXPECT_THAT(read(store_, "a1", 10'000), testing::AnyOf("synced", "synced" + zeros));
}

TEST_F(LocalObjectStoreTest, ASecondWriterIsRefusedUntilTheFirstIsDropped) {
    store_ = open();
    const std::exception_ptr failure = opening_failure();
    EXPECT_TRUE(has_code(failure, Errc::vault_in_use));
    EXPECT_THAT(describe(failure), testing::HasSubstr("The vault " + vault().string() + " is in use"));
    run(store_.async_drop());
    store_ = open();
}

TEST_F(LocalObjectStoreTest, AWriterInAnotherProcessKeepsThisOneOut) {
    int ready[2];
    int finish[2];
    ASSERT_EQ(::pipe(ready), 0);
    ASSERT_EQ(::pipe(finish), 0);
    const pid_t child = fork_alone();
    if (child == 0) {
        ::close(finish[1]);
        asio::io_context context;
        io_ = open_io_engine(context.get_executor(), *pool_);
        const LocalStoreOptions options;
        auto store =
            test_support::run_coroutine(context, LocalObjectStore::open(*io_, *pool_, vault(), options));
        char byte = 'r';
        if (::write(ready[1], &byte, 1) != 1) ::_exit(2);
        static_cast<void>(::read(finish[0], &byte, 1));  // until the parent closes its end
        test_support::run_coroutine(context, store.async_drop());
        test_support::run_coroutine(context, io_.async_drop());
        test_support::run_coroutine(context, pool_.async_drop());
        ::_exit(0);
    }
    ASSERT_GT(child, 0);
    ::close(ready[1]);
    ::close(finish[0]);
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_TRUE(has_code(opening_failure(), Errc::vault_in_use));
    EXPECT_TRUE(has_code(opening_failure(LocalAccess::read_only), Errc::vault_in_use));
    StoreBox beside = open(LocalAccess::read_only_beside_writer);
    run(beside.async_drop());
    ::close(finish[1]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    store_ = open();
    ::close(ready[0]);
}

TEST_F(LocalObjectStoreTest, ReadersShareTheVaultAndKeepWritersOut) {
    StoreBox reader = open(LocalAccess::read_only);
    StoreBox second = open(LocalAccess::read_only);
    EXPECT_TRUE(has_code(opening_failure(), Errc::vault_in_use));
    run(second.async_drop());
    run(reader.async_drop());
}

TEST_F(LocalObjectStoreTest, AReadOnlyStoreReadsButChangesNothing) {
    store_ = open();
    write_object(store_, "a1", "kept");
    run(store_.async_drop());
    store_ = open(LocalAccess::read_only);
    EXPECT_EQ(read(store_, "a1"), "kept");
    EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(store_->create("a2"))); }),
              std::errc::read_only_file_system);
    EXPECT_EQ(errno_of_failure([&] { run(store_->remove("a1")); }), std::errc::read_only_file_system);
    EXPECT_TRUE(fs::exists(file("a1")));
}

TEST_F(LocalObjectStoreTest, AReaderBesideTheWriterSeesItGrow) {
    store_ = open();
    StoreBox reader = open(LocalAccess::read_only_beside_writer);
    writer_ = run(store_->create("a1"));
    append(writer_, "one");
    EXPECT_EQ(read(reader, "a1", 3), "one");
    append(writer_, "two");
    EXPECT_EQ(read(reader, "a1", 6), "onetwo");
    run(reader.async_drop());
}

TEST_F(LocalObjectStoreTest, OpeningADirectoryThatIsNoVaultSaysSo) {
    const fs::path empty = vault() / "empty";
    fs::create_directory(empty);
    const LocalStoreOptions options;
    const auto failure =
        failure_of([&] { static_cast<void>(run(LocalObjectStore::open(*io_, *pool_, empty, options))); });
    EXPECT_TRUE(has_code(failure, Errc::not_a_vault));
    EXPECT_THAT(describe(failure), testing::HasSubstr(empty.string()));
}

TEST_F(LocalObjectStoreTest, OpeningAMissingDirectoryNamesIt) {
    const fs::path missing = vault() / "missing";
    const LocalStoreOptions options;
    const auto failure =
        failure_of([&] { static_cast<void>(run(LocalObjectStore::open(*io_, *pool_, missing, options))); });
    EXPECT_EQ(errno_of(failure), std::errc::no_such_file_or_directory);
    EXPECT_THAT(describe(failure), testing::HasSubstr(missing.string()));
}

TEST_F(LocalObjectStoreTest, InitializingTwiceKeepsWhatIsThere) {
    store_ = open();
    write_object(store_, "a1", "kept");
    run(LocalObjectStore::initialize(*pool_, vault()));
    EXPECT_EQ(read(store_, "a1"), "kept");
}

TEST_F(LocalObjectStoreTest, ForeignEntriesAreLeftOutOfTheListAndCounted) {
    store_ = open();
    write_object(store_, "a1", "object");
    put(file("a1 (conflicted copy).tmp"), "x");
    put(file(".syncthing"), "x");
    fs::create_directory(file("directory"));
    fs::create_symlink(file("a1"), file("symlink"));
    EXPECT_EQ(run(store_->list()), (std::vector<ObjectInfo>{{"a1", 6}}));
    EXPECT_EQ(store_->ignored_entries(), 4U);
}

TEST_F(LocalObjectStoreTest, ASymlinkIsNeverFollowed) {
    store_ = open();
    put(vault() / "secret", "outside");
    fs::create_symlink(vault() / "secret", file("a1"));
    EXPECT_EQ(errno_of_failure([&] { read(store_, "a1"); }), std::errc::too_many_symbolic_link_levels);
    EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(store_->create("a1"))); }),
              std::errc::file_exists);
}

TEST_F(LocalObjectStoreTest, FewFilesAreKeptOpenHoweverManyAreRead) {
    store_ = open(LocalAccess::read_write, 4);
    for (int i = 0; i < 20; ++i) write_object(store_, "object-" + std::to_string(i), std::to_string(i));
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(read(store_, "object-" + std::to_string(i)), std::to_string(i));
            EXPECT_LE(store_->open_files(), 4U);
        }
    }
    EXPECT_EQ(store_->open_files(), 4U);
}

TEST_F(LocalObjectStoreTest, AnObjectThatWasReadIsReadAgainWithoutWaiting) {
    LocalStoreOptions options;
    options.direct = false;
    store_ = run(LocalObjectStore::open(*io_, *pool_, vault(), options));
    write_object(store_, "a1", "cached");
    Bytes out(6);
    EXPECT_EQ(store_->try_read("a1", 0, out), std::nullopt);  // not open yet
    EXPECT_EQ(read(store_, "a1"), "cached");
    const auto size = store_->try_read("a1", 0, out);
    if (!size) GTEST_SKIP() << "THIS FILE SYSTEM CANNOT READ WITHOUT WAITING: the fast path is not tested";
    EXPECT_EQ(*size, 6U);
    EXPECT_EQ(as_text(ByteSpan(out)), "cached");
}

TEST_F(LocalObjectStoreTest, ARemovalDuringAReadDoesNotLeaveTheFileOpen) {
    store_ = open();
    write_object(store_, "a1", "old");
    int ended = 0;
    const auto count = [&](const std::exception_ptr&) { ++ended; };
    Bytes out(3);
    const auto reading = [&]() -> asio::awaitable<void> {
        const std::string name = "a1";
        static_cast<void>(co_await store_->read(name, 0, out));
    };
    asio::co_spawn(context_, reading(), count);
    asio::co_spawn(context_, store_->remove("a1"), count);
    context_.restart();
    context_.run();
    EXPECT_EQ(ended, 2);
    EXPECT_EQ(store_->open_files(), 0U);
    write_object(store_, "a1", "new");
    EXPECT_EQ(read(store_, "a1"), "new");
}

TEST_F(LocalObjectStoreTest, AFileThatVanishesUnderTheStoreIsNamedInTheError) {
    store_ = open();
    write_object(store_, "a1", "x");
    fs::remove(file("a1"));
    const auto failure = failure_of([&] { read(store_, "a1"); });
    EXPECT_EQ(errno_of(failure), std::errc::no_such_file_or_directory);
    EXPECT_THAT(describe(failure), testing::HasSubstr(file("a1").string()));
    // Nobody but the store removes its files: told once more at the end.
    const auto at_the_end = failure_of([&] { run(store_.async_drop()); });
    EXPECT_EQ(errno_of(at_the_end), std::errc::io_error);
    EXPECT_THAT(describe(at_the_end), testing::HasSubstr(file("a1").string() + " was deleted"));
}

// Another machine writes, and a service brings its objects.
TEST_F(LocalObjectStoreTest, ObjectsOfSomebodyElseAreToldOnceWithTheNextSync) {
    put(file("a0"), "was there before");
    std::vector<std::string> told;
    LocalStoreOptions options;
    options.on_strangers = [&told](const std::vector<std::string>& names) {
        told.insert(told.end(), names.begin(), names.end());
    };
    store_ = run(LocalObjectStore::open(*io_, *pool_, vault(), options));
    static_cast<void>(run(store_->list()));
    writer_ = run(store_->create("a1"));
    append(writer_, "ours", Durability::synced);
    write_object(store_, "a2", "ours too");
    run(store_->remove("a2"));
    append(writer_, "ours", Durability::synced);
    EXPECT_THAT(told, testing::IsEmpty());
    put(file("b1"), "theirs");
    put(file(".b2.part"), "no object yet");
    append(writer_, "ours", Durability::synced);
    EXPECT_THAT(told, testing::ElementsAre("b1"));
    put(file("b3"), "theirs");
    append(writer_, "ours", Durability::synced);
    fs::remove(file("b1"));  // it was never ours to miss
    append(writer_, "ours", Durability::synced);
    EXPECT_THAT(told, testing::ElementsAre("b1", "b3"));
    run(writer_.async_drop());
    run(store_.async_drop());
}

// The look for deleted files, which goes with every synced write, costs no round trip to a thread.
TEST_F(LocalObjectStoreTest, ASyncedWriteOnALocalFilesystemNeedsNoWorker) {
    ASSERT_EQ(io_->name(), "io_uring") << "WITHOUT io_uring ALL WRITES NEED WORKERS: nothing is tested";
    store_ = open();
    writer_ = run(store_->create("a1"));
    const std::array<timespec, 2> long_ago{timespec{1'000'000'000, 1}, timespec{1'000'000'000, 1}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (vault() / "objects").c_str(), long_ago.data(), 0), 0);
    append(writer_, "the folder has changed, ", Durability::synced);

    std::promise<void> release;
    const auto released = release.get_future().share();
    int ended = 0;
    const auto count = [&](const std::exception_ptr& error) { ended += error ? 100 : 1; };
    const auto block = [released] { released.wait(); };
    for (std::size_t i = 0; i < pool_->size(); ++i) asio::co_spawn(context_, pool_->run(block), count);
    const auto stop = [this](const std::exception_ptr& error) {
        EXPECT_FALSE(error);
        context_.stop();
    };
    asio::co_spawn(context_, writer_->append(as_bytes("now it has not"), Durability::synced), stop);
    context_.restart();
    context_.run_for(std::chrono::minutes(1));
    EXPECT_TRUE(context_.stopped()) << "the write waits for a worker";
    EXPECT_EQ(ended, 0);
    release.set_value();
    context_.restart();
    context_.run();
    EXPECT_EQ(ended, static_cast<int>(pool_->size()));
    EXPECT_EQ(read(store_, "a1"), "the folder has changed, now it has not");
}

TEST_F(LocalObjectStoreTest, DroppingTheStoreBeforeItsWriterIsReported) {
    store_ = open();
    writer_ = run(store_->create("a1"));
    EXPECT_THROW(run(store_.async_drop()), std::logic_error);
    EXPECT_TRUE(store_.is_dropped());
    run(writer_.async_drop());
    store_ = open();  // the lock was given back all the same
}

TEST_F(LocalObjectStoreTest, WithoutPermissionToWriteTheVaultOpensOnlyForReading) {
    constexpr uid_t nobody = 65534;
    fs::permissions(vault(), fs::perms(0755));
    fs::permissions(vault() / "objects", fs::perms(0755));
    if (::geteuid() != 0) {
        fs::permissions(vault() / "objects", fs::perms(0555));
        EXPECT_EQ(errno_of(opening_failure()), std::errc::permission_denied);
        return;
    }
    // Root may write everywhere: ask in a process of an ordinary user.
    const pid_t child = fork_alone();
    if (child == 0) {
        if (::setresgid(nobody, nobody, nobody) != 0 || ::setresuid(nobody, nobody, nobody) != 0) ::_exit(3);
        asio::io_context context;
        io_ = open_io_engine(context.get_executor(), *pool_);
        LocalStoreOptions options;
        int result = 4;
        try {
            auto store =
                test_support::run_coroutine(context, LocalObjectStore::open(*io_, *pool_, vault(), options));
            test_support::run_coroutine(context, store.async_drop());
        } catch (const Error& error) {
            result = error.code() == std::errc::permission_denied ? 0 : 5;
        }
        options.access = LocalAccess::read_only;
        auto reader =
            test_support::run_coroutine(context, LocalObjectStore::open(*io_, *pool_, vault(), options));
        test_support::run_coroutine(context, reader.async_drop());
        test_support::run_coroutine(context, io_.async_drop());
        test_support::run_coroutine(context, pool_.async_drop());
        ::_exit(result);
    }
    ASSERT_GT(child, 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

class LocalObjectStoreOnAFullDiskTest : public LocalObjectStoreTest {
  protected:
    void SetUp() override {
        if (::mount("tmpfs", small_.c_str(), "tmpfs", 0, "size=1m") != 0) {
            GTEST_SKIP() << "CANNOT MOUNT A SMALL tmpfs (" << std::strerror(errno)
                         << "): A FULL DISK IS NOT TESTED. Run as root.";
        }
        mounted_ = true;
        run(LocalObjectStore::initialize(*pool_, small_));
        const LocalStoreOptions options;
        store_ = run(LocalObjectStore::open(*io_, *pool_, small_, options));
    }
    void TearDown() override {
        if (writer_) run(writer_.async_drop());
        if (store_) run(store_.async_drop());
        if (mounted_) {
            EXPECT_EQ(::umount(small_.c_str()), 0);
        }
    }

    test_support::TempDir small_directory_;
    fs::path small_ = small_directory_.path();
    bool mounted_ = false;
};

TEST_F(LocalObjectStoreOnAFullDiskTest, AnAppendThatDoesNotFitFailsTheWriterButNotTheStore) {
    writer_ = run(store_->create("a1"));
    append(writer_, "kept", Durability::synced);
    const Bytes two_mebibytes(2 << 20);
    const auto failure = failure_of([&] { run(writer_->append(two_mebibytes, Durability::synced)); });
    EXPECT_EQ(errno_of(failure), std::errc::no_space_on_device);
    EXPECT_THAT(describe(failure), testing::HasSubstr((small_ / "objects" / "a1").string()));
    EXPECT_TRUE(writer_->failed());
    EXPECT_EQ(writer_->size(), 4U);
    EXPECT_TRUE(has_code(failure_of([&] { append(writer_, "x"); }), Errc::writes_failed));
    EXPECT_TRUE(has_code(failure_of([&] { run(writer_->sync()); }), Errc::writes_failed));
    EXPECT_EQ(read(store_, "a1", 4), "kept");
    EXPECT_LT(run(store_->space()).free_bytes, 100'000U);
    run(writer_.async_drop());
    run(store_->remove("a1"));
    write_object(store_, "a2", "there is room again");
    EXPECT_EQ(read(store_, "a2"), "there is room again");
}

}  // namespace
}  // namespace demofs::store
