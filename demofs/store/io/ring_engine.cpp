// Handing operations to the ring once for each turn of the executor, and fetching what is done.
#include "demofs/store/io/ring_engine.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <filesystem>

#include "demofs/base/error.hpp"

namespace demofs::store {
namespace {

constexpr unsigned ring_entries = 128;
constexpr std::chrono::milliseconds retry_time{1};

void prepare(io_uring_sqe& entry, IoOperation& operation) {
    const auto* memory = operation.memory.data();
    const auto pieces = static_cast<unsigned>(operation.memory.size());
    switch (operation.kind) {
        case IoOperation::Kind::read:
            io_uring_prep_readv(&entry, operation.file, memory, pieces, operation.offset);
            break;
        case IoOperation::Kind::write:
            io_uring_prep_writev(&entry, operation.file, memory, pieces, operation.offset);
            break;
        case IoOperation::Kind::write_durably:
            io_uring_prep_writev2(&entry, operation.file, memory, pieces, operation.offset, RWF_DSYNC);
            break;
        case IoOperation::Kind::sync:
            io_uring_prep_fsync(&entry, operation.file, IORING_FSYNC_DATASYNC);
            break;
    }
    io_uring_sqe_set_data(&entry, &operation);
}

std::string describe(const IoOperation& operation) {
    constexpr std::array<std::string_view, 4> names{"read of ", "write to ", "synced write to ", "sync of "};
    std::error_code ignored;
    const auto path =
        std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(operation.file), ignored);
    return std::string(names[static_cast<std::size_t>(operation.kind)]) + path.string();
}

}  // namespace

/// The kernel's side: the mapped queues, and the eventfd that it signals.
class RingEngine::Ring {
  public:
    Ring() = default;
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() {
        if (begun_) io_uring_queue_exit(&queues_);
        if (event_ >= 0) ::close(event_);
    }

    /// 0, or the errno of what is refused.
    int begin() {
        io_uring_params parameters{};
        parameters.flags =
            IORING_SETUP_COOP_TASKRUN;  // no interrupt for a thread that is in the kernel often
        int error = -io_uring_queue_init_params(ring_entries, &queues_, &parameters);
        if (error == EINVAL) {  // before Linux 5.19
            parameters = {};
            error = -io_uring_queue_init_params(ring_entries, &queues_, &parameters);
        }
        if (error != 0) return error;
        begun_ = true;
        event_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (event_ < 0) return errno;
        return try_out();
    }

    io_uring* operator->() noexcept { return &queues_; }
    io_uring* get() noexcept { return &queues_; }
    int take_event() noexcept { return std::exchange(event_, -1); }

  private:
    // Being allowed to make a ring is not being allowed to use it.
    int try_out() {
        io_uring_prep_nop(io_uring_get_sqe(&queues_));
        const int submitted = io_uring_submit_and_wait(&queues_, 1);
        if (submitted < 0) return -submitted;
        io_uring_cqe* completion = nullptr;
        const int error = -io_uring_peek_cqe(&queues_, &completion);
        if (error != 0) return error;
        const int result = completion->res;
        io_uring_cqe_seen(&queues_, completion);
        if (result < 0) return -result;
        return -io_uring_register_eventfd(&queues_, event_);
    }

    io_uring queues_{};
    bool begun_ = false;
    int event_ = -1;
};

asyncdrop::AsyncDropBox<RingEngine> RingEngine::open(const asio::any_io_executor& executor,
                                                     std::string& unusable) {
    auto ring = std::make_unique<Ring>();
    if (const int error = ring->begin(); error != 0) {
        unusable = "io_uring cannot be used here: " + std::generic_category().message(error);
        return {};
    }
    return asyncdrop::make_box<RingEngine>(executor, std::move(ring));
}

RingEngine::RingEngine(asyncdrop::Passkey<RingEngine>, const asio::any_io_executor& executor,
                       std::unique_ptr<Ring> ring)
    : executor_(executor),
      ring_(std::move(ring)),
      completed_(executor, ring_->take_event()),
      retry_(executor),
      idle_(executor) {
    in_flight_.reserve(ring_entries);
}

RingEngine::~RingEngine() = default;

asio::awaitable<void> RingEngine::run(IoOperation& operation) {
    if (closing_) throw Error(Errc::closed, "The store is shutting down and begins no more operations.");
    const auto initiation = [this, &operation](Handler caller) { accept(operation, std::move(caller)); };
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiation, asio::use_awaitable);
}

void RingEngine::accept(IoOperation& operation, Handler caller) {
    operation.caller_.emplace(std::move(caller));
    operation.next_ = nullptr;
    (first_waiting_ ? last_waiting_->next_ : first_waiting_) = &operation;
    last_waiting_ = &operation;
    submit_soon();
}

// Once for all that are asked for in this turn.
void RingEngine::submit_soon() {
    if (std::exchange(submission_posted_, true)) return;
    asio::post(executor_, [this] {
        submission_posted_ = false;
        submit();
    });
}

void RingEngine::submit() {
    while (first_waiting_ && in_flight_.size() < ring_entries) {
        io_uring_sqe* entry = io_uring_get_sqe(ring_->get());
        if (!entry) break;  // full of what the kernel has not taken yet
        IoOperation& operation = *std::exchange(first_waiting_, first_waiting_->next_);
        prepare(*entry, operation);
        operation.place_ = in_flight_.size();
        in_flight_.push_back(&operation);
    }
    await_completions();
    const int taken = io_uring_submit(ring_->get());
    if (taken >= 0) return;
    // The kernel has no memory for it or too many completions that nobody has fetched: both pass.
    retry_.expires_after(retry_time);
    retry_.async_wait([this](const boost::system::error_code& error) {
        if (!error) submit_soon();
    });
}

void RingEngine::await_completions() {
    if (awaiting_ || in_flight_.empty()) return;
    awaiting_ = true;
    const auto count = asio::buffer(&completed_count_, sizeof completed_count_);
    completed_.async_read_some(count, [this](const boost::system::error_code& error, std::size_t) {
        if (error == asio::error::operation_aborted) return;  // abandoned; the engine may be gone
        awaiting_ = false;
        reap();
        await_completions();
    });
}

void RingEngine::reap() {
    io_uring_cqe* completion = nullptr;
    while (io_uring_peek_cqe(ring_->get(), &completion) == 0) {
        auto& operation = *static_cast<IoOperation*>(io_uring_cqe_get_data(completion));
        operation.result = completion->res;
        io_uring_cqe_seen(ring_->get(), completion);
        in_flight_.back()->place_ = operation.place_;
        in_flight_[operation.place_] = in_flight_.back();
        in_flight_.pop_back();
        if (first_waiting_) submit_soon();
        // The operation is gone as soon as its caller runs, and so may this engine be: a caller that was
        // waiting for its last operation may drop it. So none runs inside this loop.
        Handler caller = *std::exchange(operation.caller_, std::nullopt);
        asio::post(std::move(caller));
    }
    if (closing_ && in_flight_.empty() && !first_waiting_) idle_.cancel();
}

std::string RingEngine::describe_in_flight() const {
    constexpr std::size_t most_named = 5;
    std::string text = std::to_string(in_flight_.size()) + " operations";
    for (std::size_t i = 0; i < in_flight_.size() && i < most_named; ++i)
        text += (i == 0 ? ": " : ", ") + describe(*in_flight_[i]);
    return text;
}

// Nothing of it is ever freed: the kernel still works with it.
void RingEngine::abandon() {
    struct Abandoned {
        std::unique_ptr<Ring> ring;
        std::vector<IoOperation*> operations;
        IoOperation* waiting;
    };
    static auto* const all = new std::vector<Abandoned>;
    all->push_back({std::move(ring_), std::move(in_flight_), first_waiting_});
}

asio::awaitable<void> RingEngine::async_drop_impl() {
    closing_ = true;
    const auto deadline = asio::steady_timer::clock_type::now() + abandon_after_;
    const auto token = asio::as_tuple(asio::use_awaitable);
    bool expired = false;
    while ((!in_flight_.empty() || first_waiting_) && !expired) {
        idle_.expires_at(deadline);
        auto idle = idle_.async_wait(token);
        const auto [error] = co_await std::move(idle);
        expired = !error;
    }
    if (in_flight_.empty() && !first_waiting_) {
        ring_.reset();
        co_return;
    }
    const std::string names = describe_in_flight();
    completed_.cancel();
    retry_.cancel();
    abandon();
    throw Error(std::errc::timed_out,
                "The kernel did not finish what was asked of it; abandoned are " + names + ".");
}

}  // namespace demofs::store
