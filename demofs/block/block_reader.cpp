// Which blocks one store operation reads, and what runs at the same time: blocks that lie side by side in a
// segment are one piece, and the pieces of a request are read concurrently.
#include "demofs/block/block_reader.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

#include "demofs/block/segment_window.hpp"

namespace demofs::block {

struct BlockReader::Piece {
    std::vector<BlockAddress> addresses;  // of one segment, each behind the one before and at most filler
    std::vector<SharedBytes> payloads;

    std::uint32_t begin() const { return addresses.front().offset; }
    std::size_t size() const { return addresses.back().end() - begin(); }
};

// Counts a read as running while it lives.
class BlockReader::Busy {
  public:
    explicit Busy(BlockReader& reader) : reader_(reader) { ++reader_.running_; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() {
        if (--reader_.running_ == 0) reader_.ended_.wake_all();
    }

  private:
    BlockReader& reader_;
};

// Outlives a cancelled caller: each piece that is still being read holds it.
struct BlockReader::Gather {
    explicit Gather(BlockReader& reader) : busy(reader) {}

    Busy busy;  // until the last piece has ended
    std::vector<Piece> pieces;
    BlockKind kind;
    std::size_t running;
    std::exception_ptr error;  // the first one
    WaitQueue done;
};

boost::asio::awaitable<void> BlockReader::idle() {
    while (running_ > 0) co_await ended_.wait();
}

std::vector<BlockReader::Piece> BlockReader::split(const std::vector<BlockAddress>& addresses) const {
    std::vector<Piece> pieces;
    for (const BlockAddress& address : addresses) {
        const bool joins = [&] {
            if (pieces.empty()) return false;
            const Piece& piece = pieces.back();
            const BlockAddress& last = piece.addresses.back();
            // Less than a boundary between them is filler, which is cheaper to read than to leave out.
            return address.segment == last.segment && address.offset >= last.end() &&
                   address.offset - last.end() < boundary_bytes &&
                   address.end() - piece.begin() <= settings_.batch_bytes;
        }();
        if (!joins) pieces.emplace_back();
        pieces.back().addresses.push_back(address);
    }
    return pieces;
}

boost::asio::awaitable<void> BlockReader::read_piece(Piece& piece, BlockKind kind) {
    const Busy busy(*this);
    SharedSegment segment = catalog_.peek(piece.addresses.front().segment);
    if (!segment) segment = co_await catalog_.find(piece.addresses.front().segment);

    SegmentWindow window(store_, std::move(segment));
    co_await window.load(piece.begin(), piece.size());
    const auto open_all = [&piece, &window, kind] {
        piece.payloads.reserve(piece.addresses.size());
        for (const BlockAddress& address : piece.addresses)
            piece.payloads.push_back(window.open(address, kind));
    };
    if (piece.size() <= settings_.inline_crypto_bytes) {
        open_all();
    } else {
        co_await pool_.run(open_all);
    }
}

boost::asio::awaitable<SharedBytes> BlockReader::read(BlockAddress address, BlockKind kind) {
    Piece piece;
    piece.addresses.push_back(address);
    co_await read_piece(piece, kind);
    co_return std::move(piece.payloads.front());
}

boost::asio::awaitable<void> BlockReader::read_for(std::shared_ptr<Gather> gather, std::size_t index) {
    try {
        co_await read_piece(gather->pieces[index], gather->kind);
    } catch (...) {
        if (!gather->error) gather->error = std::current_exception();
    }
    if (--gather->running == 0) gather->done.wake_all();
}

boost::asio::awaitable<std::vector<SharedBytes>> BlockReader::read_many(std::vector<BlockAddress> addresses,
                                                                        BlockKind kind) {
    const auto gather = std::make_shared<Gather>(*this);
    gather->pieces = split(addresses);
    gather->kind = kind;
    gather->running = gather->pieces.size();
    if (gather->pieces.size() == 1) {
        co_await read_piece(gather->pieces.front(), kind);
    } else {
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        for (std::size_t i = 0; i < gather->pieces.size(); ++i)
            boost::asio::co_spawn(executor, read_for(gather, i), boost::asio::detached);
        while (gather->running > 0) co_await gather->done.wait();
        if (gather->error) std::rethrow_exception(gather->error);
    }
    std::vector<SharedBytes> payloads;
    payloads.reserve(addresses.size());
    for (Piece& piece : gather->pieces)
        for (SharedBytes& payload : piece.payloads) payloads.push_back(std::move(payload));
    co_return payloads;
}

}  // namespace demofs::block
