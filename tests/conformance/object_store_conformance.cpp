// The contract of ObjectStore, run on every store. A new store joins by one line at the end of this file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/drop_in_order.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <functional>
#include <random>

#include "demofs/base/error.hpp"
#include "demofs/base/random.hpp"
#include "demofs/store/fault_object_store.hpp"
#include "demofs/store/io/worker_engine.hpp"
#include "demofs/store/local_object_store.hpp"
#include "demofs/store/testing/counting_object_store.hpp"
#include "demofs/store/testing/memory_object_store.hpp"
#include "tests/support/run_coroutine.hpp"
#include "tests/support/temp_dir.hpp"

namespace demofs::store {
namespace {

using asyncdrop::AsyncDropBox;
using test_support::run_coroutine;
using testing::UnorderedElementsAre;

/// What lies below the stores of one test: it survives their drop.
class Medium {
  public:
    virtual ~Medium() = default;
    virtual asio::awaitable<AsyncDropBox<ObjectStore>> open() = 0;
    virtual asio::awaitable<void> close() { co_return; }
};

class MemoryMedium final : public Medium {
  public:
    explicit MemoryMedium(const MemoryStoreOptions& options) : options_(options) {}
    asio::awaitable<AsyncDropBox<ObjectStore>> open() override {
        co_return MemoryObjectStore::open(disk_, options_);
    }

  private:
    std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
    MemoryStoreOptions options_;
};

/// How a local store reads and writes, and where its directory is.
struct LocalKind {
    bool ring = true;
    bool direct = true;
    std::string parent = {};  ///< the usual place for temporary files if empty
};

class LocalMedium final : public Medium {
  public:
    LocalMedium(asio::io_context& context, const LocalKind& kind)
        : kind_(kind), directory_(kind.parent), pool_(WorkerPool::make(2)) {
        if (kind.ring) {
            io_ = open_io_engine(context.get_executor(), *pool_);
        } else {
            io_ = WorkerEngine::make(*pool_);
        }
    }
    asio::awaitable<AsyncDropBox<ObjectStore>> open() override {
        LocalStoreOptions options;
        options.direct = kind_.direct;
        co_await LocalObjectStore::initialize(*pool_, directory_.path());
        co_return co_await LocalObjectStore::open(*io_, *pool_, directory_.path(), options);
    }
    asio::awaitable<void> close() override { return asyncdrop::drop_in_order(io_, pool_); }

  private:
    LocalKind kind_;
    test_support::TempDir directory_;
    AsyncDropBox<WorkerPool> pool_;
    AsyncDropBox<IoEngine> io_;
};

class CountingMedium final : public Medium {
  public:
    explicit CountingMedium(std::unique_ptr<Medium> below) : below_(std::move(below)) {}
    asio::awaitable<AsyncDropBox<ObjectStore>> open() override {
        AsyncDropBox<ObjectStore> below = co_await below_->open();
        co_return CountingObjectStore::make(std::move(below), std::make_shared<StoreCounters>());
    }
    asio::awaitable<void> close() override { return below_->close(); }

  private:
    std::unique_ptr<Medium> below_;
};

/// A fault decorator without faults must not be noticed.
class FaultlessMedium final : public Medium {
  public:
    explicit FaultlessMedium(std::unique_ptr<Medium> below) : below_(std::move(below)) {}
    asio::awaitable<AsyncDropBox<ObjectStore>> open() override {
        AsyncDropBox<ObjectStore> below = co_await below_->open();
        co_return FaultObjectStore::make(std::move(below), std::make_shared<FaultPlan>());
    }
    asio::awaitable<void> close() override { return below_->close(); }

  private:
    std::unique_ptr<Medium> below_;
};

struct StoreKind {
    std::string name;
    std::function<std::unique_ptr<Medium>(asio::io_context&)> make;
};

void PrintTo(const StoreKind& kind, std::ostream* out) {
    *out << kind.name;
}

class ObjectStoreContract : public testing::TestWithParam<StoreKind> {
  protected:
    ObjectStoreContract() : medium_(GetParam().make(context_)) { open(); }
    ~ObjectStoreContract() override {
        if (writer_) run(writer_.async_drop());
        if (store_) run(store_.async_drop());
        run(medium_->close());
    }

    template <class T>
    T run(asio::awaitable<T> coroutine) {
        return run_coroutine(context_, std::move(coroutine));
    }

    void open() { store_ = run(medium_->open()); }
    void reopen() {
        drop_writer();
        run(store_.async_drop());
        open();
    }
    void drop_writer() {
        if (writer_) run(writer_.async_drop());
    }
    void create(const std::string& name) {
        drop_writer();
        writer_ = run(store_->create(name));
    }
    void append(std::string_view text, Durability durability = Durability::buffered) {
        run(writer_->append(as_bytes(text), durability));
    }
    void write_object(const std::string& name, std::string_view text) {
        create(name);
        append(text);
        run(writer_->seal());
        drop_writer();
    }

    std::string read(const std::string& name, std::uint64_t offset = 0, std::size_t size = 1000) {
        Bytes out(size);
        out.resize(run(store_->read(name, offset, out)));
        return std::string(as_text(out));
    }

    std::vector<std::string> names() {
        std::vector<std::string> found;
        for (const ObjectInfo& object : run(store_->list())) found.push_back(object.name);
        return found;
    }

    /// Runs what must fail and gives its exception.
    template <class F>
    static std::exception_ptr failure_of(F&& action) {
        try {
            action();
        } catch (...) {
            return std::current_exception();
        }
        ADD_FAILURE() << "nothing was thrown";
        return std::make_exception_ptr(std::runtime_error("nothing was thrown"));
    }
    template <class F>
    static std::errc errno_of_failure(F&& action) {
        return errno_of(failure_of(action));
    }
    template <class F>
    static bool is_logic_error(F&& action) {
        try {
            std::rethrow_exception(failure_of(action));
        } catch (const std::logic_error&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    asio::io_context context_{1};
    std::unique_ptr<Medium> medium_;
    AsyncDropBox<ObjectStore> store_;
    AsyncDropBox<ObjectWriter> writer_;
};

TEST_P(ObjectStoreContract, ANewStoreHoldsNoObjects) {
    EXPECT_TRUE(run(store_->list()).empty());
}

TEST_P(ObjectStoreContract, ACreatedObjectIsEmptyAndListed) {
    create("a1");
    EXPECT_EQ(run(store_->list()), (std::vector<ObjectInfo>{{"a1", 0}}));
    EXPECT_EQ(read("a1"), "");
    EXPECT_EQ(writer_->size(), 0U);
    EXPECT_FALSE(writer_->ended());
    EXPECT_FALSE(writer_->failed());
}

TEST_P(ObjectStoreContract, ANameCanBeCreatedOnlyOnce) {
    create("a1");
    EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(store_->create("a1"))); }),
              std::errc::file_exists);
    append("kept");
    reopen();
    EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(store_->create("a1"))); }),
              std::errc::file_exists);
    EXPECT_EQ(read("a1"), "kept");
}

TEST_P(ObjectStoreContract, NamesAreCheckedBeforeAnythingIsTouched) {
    const std::string too_long(65, 'a');
    for (const std::string name : {"", ".", "..", "../a", "a/b", "A", "a b", "a.tmp", too_long.c_str()}) {
        SCOPED_TRACE(name);
        std::byte out[1];
        EXPECT_EQ(errno_of_failure([&] { static_cast<void>(run(store_->create(name))); }),
                  std::errc::invalid_argument);
        EXPECT_EQ(errno_of_failure([&] { run(store_->read(name, 0, out)); }), std::errc::invalid_argument);
        EXPECT_EQ(errno_of_failure([&] { run(store_->remove(name)); }), std::errc::invalid_argument);
        EXPECT_EQ(store_->try_read(name, 0, out), std::nullopt);
    }
    EXPECT_TRUE(names().empty());
}

TEST_P(ObjectStoreContract, TheLongestNameWorks) {
    const std::string name(64, 'f');
    write_object(name, "x");
    EXPECT_EQ(read(name), "x");
}

TEST_P(ObjectStoreContract, WhatWasAppendedIsReadableBeforeAnySync) {
    create("a1");
    append("hello ");
    append("world");
    EXPECT_EQ(read("a1"), "hello world");
    EXPECT_EQ(writer_->size(), 11U);
    EXPECT_EQ(run(store_->list()), (std::vector<ObjectInfo>{{"a1", 11}}));
}

TEST_P(ObjectStoreContract, AReaderFollowsAGrowingObject) {
    create("a1");
    std::string expected;
    for (int i = 0; i < 20; ++i) {
        const std::string piece = std::to_string(i) + ",";
        append(piece);
        expected += piece;
        EXPECT_EQ(read("a1"), expected);
    }
}

TEST_P(ObjectStoreContract, ReadsStopAtTheEnd) {
    write_object("a1", "0123456789");
    EXPECT_EQ(read("a1", 3, 4), "3456");
    EXPECT_EQ(read("a1", 7, 100), "789");
    EXPECT_EQ(read("a1", 10, 5), "");
    EXPECT_EQ(read("a1", 1'000'000, 5), "");
    EXPECT_EQ(read("a1", 3, 0), "");
}

TEST_P(ObjectStoreContract, AReadLeavesBytesBehindItsResultAlone) {
    write_object("a1", "abc");
    Bytes out(5, std::byte{'#'});
    EXPECT_EQ(run(store_->read("a1", 1, out)), 2U);
    EXPECT_EQ(as_text(ByteSpan(out)), "bc###");
}

TEST_P(ObjectStoreContract, TryReadGivesTheSameBytesOrNothing) {
    write_object("a1", "0123456789");
    EXPECT_EQ(read("a1"), "0123456789");  // now it may be cached
    Bytes out(4);
    if (const auto size = store_->try_read("a1", 8, out)) {
        EXPECT_EQ(as_text(ByteSpan(out).first(*size)), "89");
    }
    if (const auto size = store_->try_read("a1", 3, out)) {
        EXPECT_EQ(as_text(ByteSpan(out).first(*size)), "3456");
    }
    if (const auto size = store_->try_read("a1", 99, out)) {
        EXPECT_EQ(*size, 0U);
    }
    EXPECT_EQ(store_->try_read("missing", 0, out), std::nullopt);
}

TEST_P(ObjectStoreContract, AMissingObjectIsNotFound) {
    Bytes out(4);
    EXPECT_EQ(errno_of_failure([&] { run(store_->read("missing", 0, out)); }),
              std::errc::no_such_file_or_directory);
    EXPECT_EQ(errno_of_failure([&] { run(store_->remove("missing")); }),
              std::errc::no_such_file_or_directory);
    EXPECT_THAT(describe(failure_of([&] { run(store_->read("missing", 0, out)); })),
                testing::HasSubstr("missing"));
}

TEST_P(ObjectStoreContract, ASyncedAppendSurvivesReopening) {
    create("a1");
    append("not yet, ");
    append("now", Durability::synced);
    reopen();
    EXPECT_EQ(read("a1"), "not yet, now");
}

TEST_P(ObjectStoreContract, ASyncSurvivesReopening) {
    create("a1");
    append("one");
    run(writer_->sync());
    EXPECT_EQ(writer_->size(), 3U);
    reopen();
    EXPECT_EQ(read("a1"), "one");
}

TEST_P(ObjectStoreContract, AfterASyncTheObjectGoesOnOrHasEnded) {
    create("a1");
    append("one", Durability::synced);
    if (writer_->ended()) {
        EXPECT_TRUE(is_logic_error([&] { append("two"); }));
        EXPECT_EQ(read("a1"), "one");
        EXPECT_FALSE(writer_->failed());
    } else {
        append("two", Durability::synced);
        EXPECT_EQ(read("a1"), "onetwo");
    }
}

TEST_P(ObjectStoreContract, SyncingAnEmptyObjectWorks) {
    create("a1");
    run(writer_->sync());
    run(writer_->sync());
    reopen();
    EXPECT_EQ(read("a1"), "");
}

TEST_P(ObjectStoreContract, ASealedObjectHasEndedAndSurvivesReopening) {
    create("a1");
    append("one");
    run(writer_->seal());
    EXPECT_TRUE(writer_->ended());
    EXPECT_TRUE(is_logic_error([&] { append("two"); }));
    EXPECT_FALSE(writer_->failed());
    run(writer_->seal());  // nothing left to do, no error
    run(writer_->sync());
    reopen();
    EXPECT_EQ(read("a1"), "one");
}

TEST_P(ObjectStoreContract, AnEmptyAppendChangesNothing) {
    create("a1");
    append("");
    append("x");
    append("", Durability::synced);
    EXPECT_EQ(read("a1"), "x");
    EXPECT_EQ(writer_->size(), 1U);
}

TEST_P(ObjectStoreContract, BytesOfAnyValueAndSizeComeBack) {
    const auto seed = std::random_device()();
    RecordProperty("seed", std::to_string(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Bytes expected;
    create("a1");
    while (expected.size() < 3'000'000) {
        Bytes piece(random() % 300'000);
        fill_random(piece);
        run(writer_->append(piece, Durability::buffered));
        expected.insert(expected.end(), piece.begin(), piece.end());
    }
    Bytes whole(expected.size() + 10);
    ASSERT_EQ(run(store_->read("a1", 0, whole)), expected.size());
    whole.resize(expected.size());
    EXPECT_TRUE(whole == expected);
    for (int i = 0; i < 50; ++i) {
        const std::size_t offset = random() % expected.size();
        Bytes part(random() % 100'000);
        const std::size_t size = run(store_->read("a1", offset, part));
        ASSERT_EQ(size, std::min(part.size(), expected.size() - offset));
        ASSERT_TRUE(std::equal(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(size),
                               expected.begin() + static_cast<std::ptrdiff_t>(offset)));
    }
}

TEST_P(ObjectStoreContract, EveryPlaceInMemoryWillDo) {
    // Stores spare copies where memory and object have the same remainder modulo a page.
    constexpr std::size_t page = 4096;
    Bytes expected(5 * page);
    fill_random(expected);
    for (const std::size_t shift : {std::size_t{0}, std::size_t{1}, std::size_t{100}, page - 1}) {
        SCOPED_TRACE(shift);
        const std::string name = "shift-" + std::to_string(shift);
        create(name);
        Bytes memory(8 * page);
        const std::size_t first = page - reinterpret_cast<std::uintptr_t>(memory.data()) % page;
        const MutableByteSpan congruent = MutableByteSpan(memory).subspan(first);
        // The object's first `shift` bytes, then the rest from memory that is congruent to it.
        run(writer_->append(ByteSpan(expected).first(shift), Durability::buffered));
        std::ranges::copy(expected, congruent.begin());
        run(writer_->append(congruent.subspan(shift, expected.size() - shift), Durability::buffered));
        for (const std::size_t offset :
             {std::size_t{0}, std::size_t{1}, page - 1, page, page + 7, 2 * page}) {
            for (const std::size_t size : {std::size_t{1}, page - 1, page, page + 1, 2 * page, 3 * page}) {
                for (const std::size_t place : {offset % page, std::size_t{0}, std::size_t{3}}) {
                    std::ranges::fill(memory, std::byte{'#'});
                    const MutableByteSpan out = congruent.subspan(place, size);
                    const std::size_t read = run(store_->read(name, offset, out));
                    ASSERT_EQ(read, std::min(size, expected.size() - offset));
                    ASSERT_TRUE(
                        std::ranges::equal(out.first(read), ByteSpan(expected).subspan(offset, read)));
                    const auto untouched = [](std::byte byte) { return byte == std::byte{'#'}; };
                    ASSERT_TRUE(std::ranges::all_of(congruent.first(place), untouched));
                    ASSERT_TRUE(std::ranges::all_of(congruent.subspan(place + read), untouched));
                }
            }
        }
    }
}

TEST_P(ObjectStoreContract, SeveralObjectsAreWrittenSideBySide) {
    AsyncDropBox<ObjectWriter> first = run(store_->create("first"));
    AsyncDropBox<ObjectWriter> second = run(store_->create("second"));
    run(first->append(as_bytes("1"), Durability::buffered));
    run(second->append(as_bytes("22"), Durability::buffered));
    run(first->append(as_bytes("1"), Durability::buffered));
    EXPECT_EQ(read("first"), "11");
    EXPECT_EQ(read("second"), "22");
    run(first.async_drop());
    run(second.async_drop());
}

TEST_P(ObjectStoreContract, ARemovedObjectIsGoneForGood) {
    write_object("a1", "one");
    write_object("a2", "two");
    EXPECT_EQ(read("a1"), "one");
    run(store_->remove("a1"));
    Bytes out(3);
    EXPECT_EQ(store_->try_read("a1", 0, out), std::nullopt);
    EXPECT_EQ(errno_of_failure([&] { run(store_->read("a1", 0, out)); }),
              std::errc::no_such_file_or_directory);
    EXPECT_THAT(names(), UnorderedElementsAre("a2"));
    reopen();
    EXPECT_THAT(names(), UnorderedElementsAre("a2"));
}

TEST_P(ObjectStoreContract, AnObjectThatIsBeingWrittenCannotBeRemoved) {
    create("a1");
    append("one");
    EXPECT_EQ(errno_of_failure([&] { run(store_->remove("a1")); }), std::errc::device_or_resource_busy);
    EXPECT_EQ(read("a1"), "one");
    drop_writer();
    run(store_->remove("a1"));
    EXPECT_TRUE(names().empty());
}

TEST_P(ObjectStoreContract, ANameIsFreeAgainAfterItsRemoval) {
    write_object("a1", "one");
    EXPECT_EQ(read("a1"), "one");
    run(store_->remove("a1"));
    write_object("a1", "another");
    EXPECT_EQ(read("a1"), "another");
}

TEST_P(ObjectStoreContract, ListNamesEveryObjectWithItsSize) {
    std::vector<ObjectInfo> expected;
    for (int i = 0; i < 40; ++i) {
        const std::string name = "object-" + std::to_string(i);
        write_object(name, std::string(static_cast<std::size_t>(i), 'x'));
        expected.push_back({name, static_cast<std::uint64_t>(i)});
    }
    EXPECT_THAT(run(store_->list()), testing::UnorderedElementsAreArray(expected));
}

TEST_P(ObjectStoreContract, DroppingAWriterEndsItWithoutAnError) {
    create("a1");
    append("maybe lost in a crash, but not by a drop");
    drop_writer();
    EXPECT_EQ(read("a1"), "maybe lost in a crash, but not by a drop");
}

TEST_P(ObjectStoreContract, TwoOperationsAtOnceOnAWriterAreRefused) {
    create("a1");
    int succeeded = 0;
    int refused = 0;
    const auto count = [&](const std::exception_ptr& error) {
        error ? ++refused : ++succeeded;
        if (error) {
            EXPECT_THROW(std::rethrow_exception(error), std::logic_error);
        }
    };
    const Bytes data(100'000);
    asio::co_spawn(context_, writer_->append(data, Durability::buffered), count);
    asio::co_spawn(context_, writer_->append(data, Durability::buffered), count);
    context_.restart();
    context_.run();
    EXPECT_EQ(succeeded, 1);
    EXPECT_EQ(refused, 1);
    EXPECT_FALSE(writer_->failed());
    EXPECT_EQ(writer_->size(), data.size());
    append("the writer is still usable");
}

TEST_P(ObjectStoreContract, ManyReadsAreInFlightTogether) {
    write_object("a1", "0123456789");
    constexpr int readers = 50;
    int correct = 0;
    const auto reader = [&](std::uint64_t offset) -> asio::awaitable<void> {
        const std::string name = "a1";
        for (int i = 0; i < 5; ++i) {
            Bytes out(1);
            const std::size_t size = co_await store_->read(name, offset, out);
            if (size == 1 && out[0] == std::byte('0' + static_cast<int>(offset))) ++correct;
        }
    };
    for (int i = 0; i < readers; ++i) {
        asio::co_spawn(context_, reader(static_cast<std::uint64_t>(i) % 10),
                       [](const std::exception_ptr& error) { EXPECT_EQ(describe(error), "no error"); });
    }
    context_.restart();
    context_.run();
    EXPECT_EQ(correct, readers * 5);
}

TEST_P(ObjectStoreContract, ACancelledAppendHappensWhollyOrNotAtAll) {
    create("a1");
    const Bytes data(50'000, std::byte{'x'});
    asio::cancellation_signal signal;
    bool done = false;
    const auto finish = [&](const std::exception_ptr&) { done = true; };
    asio::co_spawn(context_, writer_->append(data, Durability::buffered),
                   asio::bind_cancellation_slot(signal.slot(), finish));
    context_.restart();
    context_.poll_one();  // the append has begun, at least in most stores
    signal.emit(asio::cancellation_type::terminal);
    context_.restart();
    context_.run();
    ASSERT_TRUE(done);
    EXPECT_FALSE(writer_->failed());
    const std::string stored = read("a1", 0, 100'000);
    EXPECT_TRUE(stored.empty() || stored.size() == data.size()) << stored.size();
    EXPECT_EQ(writer_->size(), stored.size());
    append("y");
    EXPECT_EQ(read("a1", stored.size()), "y");
}

TEST_P(ObjectStoreContract, SpaceIsPlausible) {
    const StoreSpace space = run(store_->space());
    EXPECT_GT(space.total_bytes, 0U);
    EXPECT_LE(space.free_bytes, space.total_bytes);
}

TEST_P(ObjectStoreContract, AStoreHasAName) {
    EXPECT_FALSE(store_->name().empty());
}

using Make = std::function<std::unique_ptr<Medium>(asio::io_context&)>;

Make memory(bool sync_ends_object) {
    MemoryStoreOptions options;
    options.sync_ends_object = sync_ends_object;
    return [options](asio::io_context&) { return std::make_unique<MemoryMedium>(options); };
}

Make local(const LocalKind& kind = {}) {
    return [kind](asio::io_context& context) { return std::make_unique<LocalMedium>(context, kind); };
}

template <class Decorator>
Make decorated(const Make& below) {
    return [below](asio::io_context& context) { return std::make_unique<Decorator>(below(context)); };
}

const StoreKind store_kinds[] = {
    {"Memory", memory(false)},
    {"MemoryWhereASyncEndsTheObject", memory(true)},
    {"Local", local()},
    {"LocalThroughThePageCache", local({.direct = false})},
    {"LocalWithoutIoUring", local({.ring = false})},
    {"LocalWithoutIoUringThroughThePageCache", local({.ring = false, .direct = false})},
    {"LocalOnTmpfs", local({.parent = "/dev/shm"})},
    {"CountingMemory", decorated<CountingMedium>(memory(false))},
    {"CountingLocal", decorated<CountingMedium>(local())},
    {"FaultlessMemory", decorated<FaultlessMedium>(memory(false))},
    {"FaultlessMemoryWhereASyncEndsTheObject", decorated<FaultlessMedium>(memory(true))},
};

INSTANTIATE_TEST_SUITE_P(EveryStore, ObjectStoreContract, testing::ValuesIn(store_kinds),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace demofs::store
