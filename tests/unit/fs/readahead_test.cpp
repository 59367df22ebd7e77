#include "demofs/fs/background/readahead.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <utility>
#include <vector>

#include "tests/support/run_coroutine.hpp"

namespace demofs::fs {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kib = 1024;
constexpr std::size_t request = 128 * kib;
constexpr InodeNumber file{7};

class ReadaheadTest : public testing::Test {
  protected:
    using Fetched = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // begin, end

    asyncdrop::AsyncDropBox<Readahead> make(std::size_t window) {
        return Readahead::make(context_.get_executor(), window,
                               [this](InodeNumber, std::uint64_t offset, std::size_t size) {
                                   fetched_.emplace_back(offset, offset + size);
                                   return nothing();
                               });
    }
    static asio::awaitable<void> nothing() { co_return; }
    static asio::awaitable<void> drop(asyncdrop::AsyncDropBox<Readahead>& readahead) {
        co_await readahead.async_drop();
    }
    void finish(asyncdrop::AsyncDropBox<Readahead>& readahead) {
        test_support::run_coroutine(context_, drop(readahead));
    }

    asio::io_context context_{1};
    Fetched fetched_;
};

TEST_F(ReadaheadTest, StaysAheadOfAReaderAndFetchesEveryByteOnce) {
    auto readahead = make(1024 * kib);
    constexpr std::uint64_t reads = 64;
    for (std::uint64_t i = 0; i < reads; ++i) readahead->note(file, i * request, request);
    finish(readahead);
    ASSERT_FALSE(fetched_.empty());
    EXPECT_LE(fetched_.front().first, 4 * request);
    for (std::size_t i = 1; i < fetched_.size(); ++i) EXPECT_EQ(fetched_[i].first, fetched_[i - 1].second);
    EXPECT_GE(fetched_.back().second, reads * request);
    EXPECT_LE(fetched_.back().second, reads * request + 1024 * kib);
}

TEST_F(ReadaheadTest, ToleratesRequestsThatArriveALittleOutOfOrder) {
    auto readahead = make(1024 * kib);
    for (std::uint64_t i = 0; i < 32; i += 2) {
        readahead->note(file, (i + 1) * request, request);
        readahead->note(file, i * request, request);
    }
    finish(readahead);
    EXPECT_FALSE(fetched_.empty());
}

TEST_F(ReadaheadTest, LeavesARandomReaderAlone) {
    auto readahead = make(1024 * kib);
    for (std::uint64_t i = 0; i < 32; ++i) readahead->note(file, (i * 37 % 32) * 8 * request, 4 * kib);
    finish(readahead);
    EXPECT_TRUE(fetched_.empty());
}

TEST_F(ReadaheadTest, IsSwitchedOffByAWindowOfZero) {
    auto readahead = make(0);
    for (std::uint64_t i = 0; i < 32; ++i) readahead->note(file, i * request, request);
    finish(readahead);
    EXPECT_TRUE(fetched_.empty());
}

TEST_F(ReadaheadTest, RemembersABoundedNumberOfFiles) {
    auto readahead = make(1024 * kib);
    for (std::uint64_t inode = 1; inode <= 10000; ++inode) readahead->note(InodeNumber{inode}, 0, request);
    EXPECT_LE(readahead->streams(), 256u);
    finish(readahead);
}

}  // namespace
}  // namespace demofs::fs
