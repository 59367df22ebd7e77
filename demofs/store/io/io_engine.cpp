// What all engines share: going on after partial operations; and the choice between them.
#include "demofs/store/io/io_engine.hpp"

#include <cerrno>
#include <system_error>

#include "demofs/store/io/page_pool.hpp"
#include "demofs/store/io/ring_engine.hpp"
#include "demofs/store/io/worker_engine.hpp"

namespace demofs::store {
namespace {

// What is left of `pieces` behind their first `size` bytes.
std::span<iovec> behind(std::span<iovec> pieces, std::size_t size) {
    while (!pieces.empty() && size >= pieces.front().iov_len) {
        size -= pieces.front().iov_len;
        pieces = pieces.subspan(1);
    }
    if (!pieces.empty()) {
        pieces.front().iov_base = static_cast<std::byte*>(pieces.front().iov_base) + size;
        pieces.front().iov_len -= size;
    }
    return pieces;
}

}  // namespace

asio::awaitable<std::size_t> run_fully(IoEngine& engine, IoOperation& operation) {
    const bool reads = operation.kind == IoOperation::Kind::read;
    const bool repeatable = reads || operation.kind == IoOperation::Kind::write;
    std::size_t done = 0;
    while (true) {
        co_await engine.run(operation);
        if (operation.result == -EINTR && repeatable) continue;
        if (operation.result < 0) throw std::system_error(-operation.result, std::generic_category());
        const auto size = static_cast<std::size_t>(operation.result);
        done += size;
        operation.offset += size;
        operation.memory = behind(operation.memory, size);
        if (operation.memory.empty()) co_return done;
        // The end of the file. Of one that is read directly the last part may be shorter than a sector, and
        // asking for what follows would be refused.
        if (reads && (size == 0 || size % sector_bytes != 0)) co_return done;
        if (!reads && size == 0) throw std::system_error(EIO, std::generic_category());
    }
}

asyncdrop::AsyncDropBox<IoEngine> open_io_engine(const asio::any_io_executor& executor, WorkerPool& pool,
                                                 std::string* unusable) {
    std::string reason;
    asyncdrop::AsyncDropBox<RingEngine> ring = RingEngine::open(executor, reason);
    if (ring) return ring;
    if (unusable) *unusable = std::move(reason);
    return WorkerEngine::make(pool);
}

}  // namespace demofs::store
