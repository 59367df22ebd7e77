// What a LocalObjectStore writes ahead of small synced appends.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "demofs/store/local_object_store.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/store/store_test_base.hpp"

namespace demofs::store {
namespace {

class LocalWriteAhead : public StoreTestBase {
  protected:
    LocalWriteAhead() {
        run(LocalObjectStore::initialize(*pool_, directory_.path()));
        const LocalStoreOptions options;
        store_ = run(LocalObjectStore::open(*io_, *pool_, directory_.path(), options));
        writer_ = run(store_->create("a1"));
    }
    ~LocalWriteAhead() override {
        if (writer_) run(writer_.async_drop());
        run(store_.async_drop());
        run(io_.async_drop());
        run(pool_.async_drop());
    }

    std::uint64_t file_bytes() const { return std::filesystem::file_size(directory_.path() / "objects/a1"); }
    std::uint64_t listed_bytes() { return run(store_->list()).at(0).size_bytes; }
    void append_synced(int times, std::string_view text = "commit ") {
        for (int i = 0; i < times; ++i) append(writer_, text, Durability::synced);
    }

    test_support::TempDir directory_;
    asyncdrop::AsyncDropBox<WorkerPool> pool_ = WorkerPool::make(2);
    asyncdrop::AsyncDropBox<IoEngine> io_ = open_io_engine(context_.get_executor(), *pool_);
    asyncdrop::AsyncDropBox<LocalObjectStore> store_;
    asyncdrop::AsyncDropBox<ObjectWriter> writer_;
};

TEST_F(LocalWriteAhead, SmallSyncedAppendsDoNotGrowTheFileEachTime) {
    const std::string page(4096, 'x');
    append_synced(3, page);
    const std::uint64_t ahead = file_bytes();
    EXPECT_GT(ahead, writer_->size());
    append_synced(100, page);
    EXPECT_EQ(file_bytes(), ahead);
    EXPECT_EQ(writer_->size(), 103 * page.size());
}

TEST_F(LocalWriteAhead, GoesOnBeyondWhatWasWrittenAhead) {
    const std::string large(60'000, 'x');
    append_synced(3, large);
    const std::uint64_t ahead = file_bytes();
    append_synced(100, large);
    EXPECT_GT(file_bytes(), ahead);
    EXPECT_EQ(writer_->size(), 103 * large.size());
    std::string expected;
    for (int i = 0; i < 103; ++i) expected += large;
    EXPECT_EQ(read(store_, "a1", expected.size() + 10), expected);
}

TEST_F(LocalWriteAhead, ReadersAndListsSeeTheObjectOnly) {
    append_synced(3);
    EXPECT_GT(file_bytes(), 21U);
    EXPECT_EQ(read(store_, "a1"), "commit commit commit ");
    EXPECT_EQ(read(store_, "a1"), "commit commit commit ") << "also of an open file";
    EXPECT_EQ(listed_bytes(), 21U);
    Bytes beyond(10);
    EXPECT_EQ(run(store_->read("a1", 21, beyond)), 0U);
    EXPECT_EQ(run(store_->read("a1", 500, beyond)), 0U);
    EXPECT_EQ(run(store_->read("a1", 14, beyond)), 7U);
}

TEST_F(LocalWriteAhead, LargeOrUnsyncedAppendsWriteNothingAhead) {
    const std::string large(200'000, 'x');
    append_synced(3, large);
    EXPECT_LT(file_bytes(), 3 * large.size() + 4096);
    for (int i = 0; i < 5; ++i) append(writer_, "small");
    EXPECT_LT(file_bytes(), 3 * large.size() + 25 + 4096) << "at most to the end of the page";
}

TEST_F(LocalWriteAhead, SealingCutsOffWhatWasWrittenAhead) {
    append_synced(3);
    run(writer_->seal());
    EXPECT_EQ(file_bytes(), 21U);
}

TEST_F(LocalWriteAhead, DroppingTheWriterCutsOffWhatWasWrittenAhead) {
    append_synced(3);
    run(writer_.async_drop());
    EXPECT_EQ(file_bytes(), 21U);
    EXPECT_EQ(read(store_, "a1"), "commit commit commit ");
    EXPECT_EQ(listed_bytes(), 21U);
}

TEST_F(LocalWriteAhead, AnAppendThatFitsSucceedsWhereThereIsNoRoomAhead) {
    struct Limit {  // of file sizes, for this process
        Limit() {
            getrlimit(RLIMIT_FSIZE, &before);
            rlimit small = before;
            small.rlim_cur = 100'000;
            setrlimit(RLIMIT_FSIZE, &small);
            handler = std::signal(SIGXFSZ, SIG_IGN);
        }
        ~Limit() {
            setrlimit(RLIMIT_FSIZE, &before);
            std::signal(SIGXFSZ, handler);
        }
        rlimit before{};
        void (*handler)(int) = SIG_DFL;
    };
    const Limit limit;
    append_synced(10);
    EXPECT_FALSE(writer_->failed());
    EXPECT_EQ(read(store_, "a1").size(), 70U);
}

}  // namespace
}  // namespace demofs::store
