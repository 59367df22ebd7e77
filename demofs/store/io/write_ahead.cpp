// When to write zeros, how many, and what their failure means.
#include "demofs/store/io/write_ahead.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace demofs::store {
namespace {

constexpr std::size_t small_append_bytes = 64u << 10;
// As long as a file is being extended a synced append waits for the journal all the same, and for the piece
// that is just being written: so rarely, and in small pieces.
constexpr std::uint64_t ahead_bytes = 4u << 20;
constexpr std::uint64_t low_bytes = 1u << 20;
constexpr std::size_t piece_bytes = 128u << 10;
static_assert(low_bytes > small_append_bytes);

alignas(page_bytes) constexpr std::array<std::byte, page_bytes> zeros{};

}  // namespace

asio::awaitable<void> WriteAhead::make_way(std::uint64_t end) {
    while (running_ && end > zeros_begin_) co_await ended_.wait();
    if (sync_failure_) std::rethrow_exception(sync_failure_);
}

void WriteAhead::written(std::uint64_t end) noexcept {
    file_bytes_ = std::max(file_bytes_, end);
}

void WriteAhead::appended(std::size_t size_bytes, std::uint64_t end, bool synced) {
    const bool small = synced && size_bytes > 0 && size_bytes <= small_append_bytes;
    const bool repeated = std::exchange(small_sync_before_, small) && small;
    if (!repeated || running_ || !wanted_ || file_bytes_ >= page_ceiling(end) + low_bytes) return;
    running_ = true;
    zeros_begin_ = page_ceiling(file_bytes_);
    file_bytes_ = page_ceiling(end) + ahead_bytes;
    asio::co_spawn(executor_, extend(zeros_begin_, file_bytes_), asio::detached);
}

asio::awaitable<void> WriteAhead::write_zeros(std::uint64_t begin, std::uint64_t end) {
    std::array<iovec, piece_bytes / page_bytes> pages;
    while (begin < end) {
        pages.fill({const_cast<std::byte*>(zeros.data()), page_bytes});
        const std::size_t size = std::min<std::uint64_t>(end - begin, piece_bytes);
        const std::span<iovec> memory = std::span(pages).first(size / page_bytes);
        IoOperation write(IoOperation::Kind::write, file_.get(), begin, memory);
        co_await run_fully(engine_, write);
        begin += size;
    }
}

// Only saves time: where there is no room for it, the object goes on without. But a sync that fails may have
// been told of the loss of other bytes, and the kernel tells once.
asio::awaitable<void> WriteAhead::extend(std::uint64_t begin, std::uint64_t end) {
    try {
        co_await write_zeros(begin, end);
    } catch (...) {
        wanted_ = false;
    }
    try {
        IoOperation sync(IoOperation::Kind::sync, file_.get());
        co_await run_fully(engine_, sync);
    } catch (...) {
        wanted_ = false;
        sync_failure_ = std::current_exception();
    }
    running_ = false;
    ended_.wake_all();
}

asio::awaitable<void> WriteAhead::stop() {
    wanted_ = false;
    while (running_) co_await ended_.wait();
}

}  // namespace demofs::store
