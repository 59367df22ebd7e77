#include "pool.hpp"

#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace connection_pool {

namespace {

constexpr std::size_t max_waiting = 10'000;
constexpr auto never = asio::steady_timer::time_point::max();

// One more in the queue, for as long as it lives.
class InQueue {
  public:
    explicit InQueue(std::size_t& count) noexcept : count_(count) { ++count_; }
    InQueue(const InQueue&) = delete;
    InQueue& operator=(const InQueue&) = delete;
    ~InQueue() { --count_; }

  private:
    std::size_t& count_;
};

std::vector<std::size_t> numbers_below(std::size_t count) {
    std::vector<std::size_t> numbers;
    while (count > 0) numbers.push_back(--count);
    return numbers;
}

}  // namespace

Pool::Pool(asyncdrop::Passkey<Pool>, asio::any_io_executor executor, tcp::endpoint backend, std::size_t size,
           std::chrono::milliseconds timeout)
    : backend_(backend),
      timeout_(timeout),
      free_(numbers_below(size)),
      returned_(executor, never),
      lent_(asyncdrop::AsyncDropGate::create()),
      connections_(Connections::create()) {}

asio::awaitable<Pool::Lease> Pool::checkout() {
    if (waiting_ >= max_waiting) throw std::runtime_error("too many wait for a connection");
    bool must_wait = waiting_ > 0 || free_.empty();  // nobody overtakes
    while (!closed_ && must_wait) {
        const InQueue waiting(waiting_);
        boost::system::error_code ignored;
        co_await returned_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        must_wait = free_.empty();
    }
    if (closed_) throw PoolClosed();
    Lease lease(*this, free_.back(), lent_->enter());  // from here on the slot finds its way back
    free_.pop_back();
    if (!free_.empty()) returned_.cancel_one();
    co_await prepare(lease.slot_);
    co_return lease;
}

// Puts a connection that works into a slot that is lent.
asio::awaitable<void> Pool::prepare(std::size_t slot) {
    const Connection* const present = connections_->get_mut(slot);
    if (present && present->broken()) {
        auto broken = connections_->remove(slot);
        ++replaced_;
        co_await asyncdrop::even_if_cancelled;  // `broken` is ours alone: it must be dropped here
        co_await broken.async_drop();
    }
    if (!connections_->contains(slot)) {
        auto opened = co_await Connection::open(backend_, timeout_);
        ++opened_;
        auto rejected = connections_->try_insert(slot, std::move(opened));
        co_await asyncdrop::even_if_cancelled;
        co_await rejected.async_drop();  // empty, because the slot is ours
    }
}

void Pool::give_back(std::size_t slot) noexcept {
    free_.push_back(slot);  // allocates nothing: there was room for every slot from the beginning
    returned_.cancel_one();
}

void Pool::refuse() {
    closed_ = true;
    returned_.cancel();
}

asio::awaitable<void> Pool::async_drop_impl() {
    refuse();
    // First everybody gives back what is lent. Then all connections are closed at once; several errors come
    // as one AsyncDropError.
    co_await asyncdrop::drop_in_order(lent_, connections_);
}

}  // namespace connection_pool
