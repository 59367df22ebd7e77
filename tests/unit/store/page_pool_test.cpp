#include "demofs/store/io/page_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "demofs/store/io/paged_range.hpp"

namespace demofs::store {
namespace {

TEST(PagePool, PagesAreAlignedAndUsedAgain) {
    PagePool pool(1 << 20);
    const std::byte* first = nullptr;
    {
        const PagePool::Pages pages = pool.take(2 * page_bytes);
        first = pages.data();
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % page_bytes, 0U);
        EXPECT_EQ(pages.size(), 2 * page_bytes);
        EXPECT_EQ(pool.kept_bytes(), 0U);
    }
    EXPECT_EQ(pool.kept_bytes(), 2 * page_bytes);
    const PagePool::Pages again = pool.take(2 * page_bytes);
    EXPECT_EQ(again.data(), first);
    EXPECT_EQ(pool.kept_bytes(), 0U);
}

TEST(PagePool, KeepsNoMoreThanItsLimit) {
    PagePool pool(3 * page_bytes);
    {
        const PagePool::Pages two = pool.take(2 * page_bytes);
        const PagePool::Pages other = pool.take(2 * page_bytes);
    }
    EXPECT_EQ(pool.kept_bytes(), 2 * page_bytes);
}

TEST(PagePool, PagesMayOutliveTheirPool) {
    auto pool = std::make_unique<PagePool>(page_bytes);
    const PagePool::Pages pages = pool->take(page_bytes);
    pool.reset();
    pages.data()[0] = std::byte{1};
}

// Memory whose first byte has this remainder modulo a page.
class Memory {
  public:
    Memory(std::size_t remainder, std::size_t size) : pages_(pool_.take(page_ceiling(remainder + size))) {
        span_ = MutableByteSpan(pages_.data() + remainder, size);
    }
    MutableByteSpan span() const { return span_; }

  private:
    PagePool pool_{0};
    PagePool::Pages pages_;
    MutableByteSpan span_;
};

TEST(PagedRange, CongruentMemoryIsUsedItselfButForTheEdges) {
    PagePool pool(1 << 20);
    const Memory memory(100, 3 * page_bytes);
    PagedRange range(pool, 7 * page_bytes + 100, memory.span());
    EXPECT_EQ(range.begin(), 7 * page_bytes);
    EXPECT_EQ(range.end(), 11 * page_bytes);
    ASSERT_EQ(range.pieces().size(), 3U);
    EXPECT_EQ(range.pieces()[0].iov_len, page_bytes);
    EXPECT_EQ(range.pieces()[1].iov_base, memory.span().data() + page_bytes - 100);
    EXPECT_EQ(range.pieces()[1].iov_len, 2 * page_bytes);
    EXPECT_EQ(range.pieces()[2].iov_len, page_bytes);
}

TEST(PagedRange, WholePagesNeedNoOtherMemory) {
    PagePool pool(1 << 20);
    const Memory memory(0, 2 * page_bytes);
    PagedRange range(pool, page_bytes, memory.span());
    ASSERT_EQ(range.pieces().size(), 1U);
    EXPECT_EQ(range.pieces()[0].iov_base, memory.span().data());
    EXPECT_TRUE(range.last_partial_page().empty());
}

TEST(PagedRange, OtherMemoryIsCopiedWhole) {
    PagePool pool(1 << 20);
    const Memory memory(101, 3 * page_bytes);
    PagedRange range(pool, 100, memory.span());
    ASSERT_EQ(range.pieces().size(), 1U);
    EXPECT_EQ(range.pieces()[0].iov_len, 4 * page_bytes);
}

TEST(PagedRange, AShortReadGivesTheBytesOfTheRangeThatWereRead) {
    PagePool pool(1 << 20);
    const Memory memory(0, 10);
    PagedRange range(pool, 5, memory.span());
    std::memcpy(range.pieces()[0].iov_base, "....abcdefghijklmnop", 20);
    EXPECT_EQ(range.finish_read(3), 0U);
    EXPECT_EQ(range.finish_read(8), 3U);
    EXPECT_EQ(as_text(memory.span().first(3)), "bcd");
    EXPECT_EQ(range.finish_read(page_bytes), 10U);
    EXPECT_EQ(as_text(memory.span()), "bcdefghijk");
}

TEST(PagedRange, AWriteKeepsWhatIsBeforeAndEndsWithZeros) {
    PagePool pool(1 << 20);
    const Memory memory(4, page_bytes);
    std::ranges::fill(memory.span(), std::byte{'n'});
    PagedRange range(pool, 4, memory.span());
    range.prepare_write(as_bytes("old!"));
    ASSERT_EQ(range.pieces().size(), 1U) << "it has no whole page";
    const ByteSpan written(static_cast<const std::byte*>(range.pieces()[0].iov_base), 2 * page_bytes);
    EXPECT_EQ(as_text(written.first(6)), "old!nn");
    EXPECT_EQ(as_text(written.subspan(page_bytes, 4)), "nnnn");
    EXPECT_EQ(written[page_bytes + 4], std::byte{0});
    EXPECT_EQ(written.back(), std::byte{0});
    EXPECT_EQ(as_text(range.last_partial_page()), "nnnn");
}

}  // namespace
}  // namespace demofs::store
