// Which blocks one store operation reads, and what runs at the same time: blocks that lie side by side in a
// segment are one run, and the runs of a request are read concurrently.
#include "demofs/block/block_reader.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

#include "demofs/block/segment_window.hpp"

namespace demofs::block {

struct BlockReader::Run {
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

// Outlives a cancelled caller: each run that is still being read holds it.
struct BlockReader::Gather {
    explicit Gather(BlockReader& reader) : busy(reader) {}

    Busy busy;  // until the last run has ended
    std::vector<Run> runs;
    BlockKind kind;
    std::size_t running;
    std::exception_ptr error;  // the first one
    WaitQueue done;
};

boost::asio::awaitable<void> BlockReader::idle() {
    while (running_ > 0) co_await ended_.wait();
}

std::vector<BlockReader::Run> BlockReader::split(const std::vector<BlockAddress>& addresses) const {
    std::vector<Run> runs;
    for (const BlockAddress& address : addresses) {
        const bool joins = [&] {
            if (runs.empty()) return false;
            const Run& run = runs.back();
            const BlockAddress& last = run.addresses.back();
            // Less than a boundary between them is filler, which is cheaper to read than to leave out.
            return address.segment == last.segment && address.offset >= last.end() &&
                   address.offset - last.end() < boundary_bytes &&
                   address.end() - run.begin() <= settings_.read_bytes;
        }();
        if (!joins) runs.emplace_back();
        runs.back().addresses.push_back(address);
    }
    return runs;
}

boost::asio::awaitable<void> BlockReader::read_run(Run& run, BlockKind kind) {
    const Busy busy(*this);
    SharedSegment segment = catalog_.peek(run.addresses.front().segment);
    if (!segment) segment = co_await catalog_.find(run.addresses.front().segment);

    SegmentWindow window(store_, std::move(segment));
    co_await window.load(run.begin(), run.size());
    const auto open_all = [&run, &window, kind] {
        run.payloads.reserve(run.addresses.size());
        for (const BlockAddress& address : run.addresses) run.payloads.push_back(window.open(address, kind));
    };
    if (run.size() <= settings_.inline_crypto_bytes) {
        open_all();
    } else {
        co_await pool_.run(open_all);
    }
}

boost::asio::awaitable<SharedBytes> BlockReader::read(BlockAddress address, BlockKind kind) {
    Run run;
    run.addresses.push_back(address);
    co_await read_run(run, kind);
    co_return std::move(run.payloads.front());
}

boost::asio::awaitable<SharedBytes> BlockReader::read_part(BlockPart part) {
    const Busy busy(*this);
    SharedSegment segment = catalog_.peek(part.block.segment);
    if (!segment) segment = co_await catalog_.find(part.block.segment);
    SegmentWindow window(store_, std::move(segment));
    const StoredPieces pieces = pieces_of(part);
    co_await window.load(pieces.begin, pieces.stored_bytes);
    SharedBytes opened;
    const auto open = [&opened, &window, &part] { opened = window.open_part(part); };
    if (pieces.stored_bytes <= settings_.inline_crypto_bytes) {
        open();
    } else {
        co_await pool_.run(open);
    }
    co_return opened;
}

boost::asio::awaitable<void> BlockReader::read_for(std::shared_ptr<Gather> gather, std::size_t index) {
    try {
        co_await read_run(gather->runs[index], gather->kind);
    } catch (...) {
        if (!gather->error) gather->error = std::current_exception();
    }
    if (--gather->running == 0) gather->done.wake_all();
}

boost::asio::awaitable<std::vector<SharedBytes>> BlockReader::read_many(std::vector<BlockAddress> addresses,
                                                                        BlockKind kind) {
    const auto gather = std::make_shared<Gather>(*this);
    gather->runs = split(addresses);
    gather->kind = kind;
    gather->running = gather->runs.size();
    if (gather->runs.size() == 1) {
        co_await read_run(gather->runs.front(), kind);
    } else {
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        for (std::size_t i = 0; i < gather->runs.size(); ++i)
            boost::asio::co_spawn(executor, read_for(gather, i), boost::asio::detached);
        while (gather->running > 0) co_await gather->done.wait();
        if (gather->error) std::rethrow_exception(gather->error);
    }
    std::vector<SharedBytes> payloads;
    payloads.reserve(addresses.size());
    for (Run& run : gather->runs)
        for (SharedBytes& payload : run.payloads) payloads.push_back(std::move(payload));
    co_return payloads;
}

}  // namespace demofs::block
