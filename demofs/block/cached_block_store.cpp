// A block's way through the cache: into it when it is read, gone when others were used more recently. And the
// table of reads under way, so that many who want the same block read it once.
#include "demofs/block/cached_block_store.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <utility>

#include "demofs/block/block_codec.hpp"

namespace demofs::block {
namespace {

// What an entry costs beyond its payload, about.
constexpr std::size_t entry_overhead_bytes = 160;

// Blocks that are remembered for having been read in part.
constexpr std::size_t remembered_parts = 1024;

std::size_t cost_of(const SharedBytes& payload) {
    return payload.size() + entry_overhead_bytes;
}

}  // namespace

// A read that is under way. Whoever began it publishes the outcome; if it gave up without one (it was
// cancelled), those who wait read for themselves.
struct CachedBlockStore::Flight {
    BlockKind kind;  // what it was asked to be
    SharedBytes payload;
    std::exception_ptr error;
    bool ended = false;
    WaitQueue waiting;
};

// The flights that one caller began. What it has not published when it ends, it has given up.
class CachedBlockStore::Flights {
  public:
    explicit Flights(CachedBlockStore& cache) : cache_(cache) { ++cache_.running_; }
    Flights(const Flights&) = delete;
    Flights& operator=(const Flights&) = delete;
    ~Flights() {
        for (const BlockAddress& address : addresses_) end(address, {}, nullptr);
        if (--cache_.running_ == 0) cache_.ended_.wake_all();
    }

    std::shared_ptr<Flight> begin(const BlockAddress& address, BlockKind kind) {
        auto flight = std::make_shared<Flight>();
        flight->kind = kind;
        cache_.flights_.emplace(address, flight);
        addresses_.push_back(address);
        return flight;
    }
    const std::vector<BlockAddress>& addresses() const { return addresses_; }

    void publish(const std::vector<SharedBytes>& payloads, BlockKind kind) {
        for (std::size_t i = 0; i < addresses_.size(); ++i) {
            cache_.insert(addresses_[i], kind, payloads[i]);
            end(addresses_[i], payloads[i], nullptr);
        }
        addresses_.clear();
    }
    void publish(const std::exception_ptr& error) {
        for (const BlockAddress& address : addresses_) end(address, {}, error);
        addresses_.clear();
    }

  private:
    void end(const BlockAddress& address, SharedBytes payload, const std::exception_ptr& error) {
        const auto found = cache_.flights_.find(address);
        const std::shared_ptr<Flight> flight = found->second;
        cache_.flights_.erase(found);
        flight->payload = std::move(payload);
        flight->error = error;
        flight->ended = true;
        flight->waiting.wake_all();
    }

    CachedBlockStore& cache_;
    std::vector<BlockAddress> addresses_;
};

asyncdrop::AsyncDropBox<CachedBlockStore> CachedBlockStore::make(BlockStore& lower, std::size_t limit_bytes) {
    return asyncdrop::make_box<CachedBlockStore>(lower, limit_bytes);
}

CachedBlockStore::CachedBlockStore(asyncdrop::Passkey<CachedBlockStore>, BlockStore& lower,
                                   std::size_t limit_bytes)
    : lower_(lower), limit_bytes_(limit_bytes), parted_(remembered_parts) {}

CachedBlockStore::~CachedBlockStore() = default;

// --- the cache -----------------------------------------------------------------------------------

// The payload from here or from what the store below still holds; `kind` is checked if it is given and known.
SharedBytes CachedBlockStore::cached(const BlockAddress& address, const BlockKind* kind) {
    const auto found = index_.find(address);
    if (found == index_.end()) return lower_.try_read(address);
    const Entry& entry = *found->second;
    if (kind != nullptr && entry.kind != *kind) throw_wrong_kind(address);
    recent_.splice(recent_.begin(), recent_, found->second);
    return entry.payload;
}

void CachedBlockStore::insert(const BlockAddress& address, BlockKind kind, SharedBytes payload) {
    if (cost_of(payload) > limit_bytes_ || index_.contains(address)) return;
    cached_bytes_ += cost_of(payload);
    while (cached_bytes_ > limit_bytes_) {
        cached_bytes_ -= cost_of(recent_.back().payload);
        index_.erase(recent_.back().address);
        recent_.pop_back();
    }
    recent_.push_front({address, kind, std::move(payload)});
    index_.emplace(address, recent_.begin());
}

CacheStatistics CachedBlockStore::statistics() const {
    return {hits_, misses_, cached_bytes_};
}

// --- reading -------------------------------------------------------------------------------------

SharedBytes CachedBlockStore::try_read(const BlockAddress& address) {
    SharedBytes payload = cached(address, nullptr);
    if (payload) ++hits_;
    return payload;
}

boost::asio::awaitable<SharedBytes> CachedBlockStore::read(BlockAddress address, BlockKind kind) {
    std::vector<BlockAddress> one(1, address);
    std::vector<SharedBytes> payloads = co_await read_many(std::move(one), kind);
    co_return std::move(payloads.front());
}

boost::asio::awaitable<std::vector<SharedBytes>> CachedBlockStore::read_many(
    std::vector<BlockAddress> addresses, BlockKind kind) {
    Flights own(*this);
    std::vector<SharedBytes> payloads(addresses.size());
    std::vector<std::pair<std::size_t, std::shared_ptr<Flight>>> waits;  // for these results
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        payloads[i] = cached(addresses[i], &kind);
        if (payloads[i]) {
            ++hits_;
            continue;
        }
        ++misses_;
        const auto found = flights_.find(addresses[i]);
        waits.emplace_back(i, found == flights_.end() ? own.begin(addresses[i], kind) : found->second);
    }
    if (!own.addresses().empty()) {
        std::vector<BlockAddress> missing = own.addresses();
        std::exception_ptr error;
        try {
            const std::vector<SharedBytes> read = co_await lower_.read_many(std::move(missing), kind);
            own.publish(read, kind);
        } catch (const boost::system::system_error& failure) {
            // Cancelled: only this caller's affair.
            if (failure.code() == boost::asio::error::operation_aborted) throw;
            error = std::current_exception();
        } catch (...) {
            error = std::current_exception();
        }
        // Of several blocks nobody knows which one is bad: those who wait for the others read for themselves.
        if (error && own.addresses().size() == 1) own.publish(error);
        if (error) std::rethrow_exception(error);
    }
    for (auto& [place, flight] : waits) {
        while (!flight->ended) co_await flight->waiting.wait();
        if (flight->kind == kind) {
            if (flight->error) std::rethrow_exception(flight->error);
            payloads[place] = flight->payload;
        }
        if (!payloads[place]) payloads[place] = co_await read(addresses[place], kind);
    }
    co_return payloads;
}

// A second part of a block is likely to be followed by more.
bool CachedBlockStore::is_read_alone(const BlockPart& part) {
    const std::uint32_t pieces = part.last_piece() - part.first_piece() + 1;
    if (2 * pieces > piece_count(part.block.payload_bytes) || flights_.contains(part.block)) return false;
    BlockAddress& place = parted_[std::hash<BlockAddress>{}(part.block) % parted_.size()];
    return std::exchange(place, part.block) != part.block;
}

boost::asio::awaitable<SharedBytes> CachedBlockStore::read_part(BlockPart part, BlockKind kind) {
    SharedBytes payload = cached(part.block, &kind);
    if (payload) {
        ++hits_;
    } else if (is_read_alone(part)) {
        const Flights running(*this);
        ++misses_;
        co_return co_await lower_.read_part(part, kind);
    } else {
        payload = co_await read(part.block, kind);
    }
    co_return payload.slice(part.offset, part.length);
}

// --- passed on -----------------------------------------------------------------------------------

BlockAddress CachedBlockStore::append(const BlockHeader& header, SharedBytes payload, Placement placement) {
    return lower_.append(header, std::move(payload), placement);
}

boost::asio::awaitable<LogDigest> CachedBlockStore::digest() {
    return lower_.digest();
}

boost::asio::awaitable<void> CachedBlockStore::sync() {
    return lower_.sync();
}

boost::asio::awaitable<void> CachedBlockStore::throttle() {
    return lower_.throttle();
}

boost::asio::awaitable<void> CachedBlockStore::async_drop_impl() {
    while (running_ > 0) co_await ended_.wait();
    recent_.clear();
    index_.clear();
}

}  // namespace demofs::block
