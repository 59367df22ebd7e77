// Input and output by io_uring from the core thread: no thread is woken for an operation, and those that are
// asked for in one turn of the executor go to the kernel with one system call.
//
// Completions arrive through an eventfd that is registered with the ring and read by Asio. (The ring's own
// descriptor in Asio's reactor would do without it, but hangs with deferred task work.)
//
// Threads: as IoEngine; the ring is used by the thread that runs the executor only. Invariants:
//   * the kernel holds at most `ring_entries` operations, the others wait in a list through their frames;
//   * the eventfd is being read exactly while operations are in flight, so an idle engine is no work for the
//   executor.

#pragma once

#include <liburing.h>

#include <asyncdrop/passkey.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <vector>

#include "demofs/store/io/io_engine.hpp"

namespace demofs::store {

class RingEngine final : public IoEngine {
  public:
    /// A ring, or nothing and in `unusable` half a sentence that says why: the kernel is too old, or forbids
    /// it (seccomp, kernel.io_uring_disabled). Tries it with an empty operation, which takes microseconds.
    [[nodiscard]] static asyncdrop::AsyncDropBox<RingEngine> open(const asio::any_io_executor& executor,
                                                                  std::string& unusable);

    class Ring;
    RingEngine(asyncdrop::Passkey<RingEngine>, const asio::any_io_executor& executor,
               std::unique_ptr<Ring> ring);
    ~RingEngine() override;

    asio::awaitable<void> run(IoOperation& operation) override;
    std::string_view name() const noexcept override { return "io_uring"; }

    /// How long the drop waits for the kernel; a minute unless set.
    void abandon_after(std::chrono::milliseconds time) { abandon_after_ = time; }

    /// Accepts no more operations and waits for those in flight. What the kernel has not finished after
    /// `abandon_after` is abandoned: the ring and the frames that wait for it stay for the rest of the
    /// process, since the kernel may still write to their memory, and an Error (timed_out) names them.
    asio::awaitable<void> async_drop_impl() override;

  private:
    using Handler = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

    void accept(IoOperation& operation, Handler caller);
    void submit();
    void submit_soon();
    void await_completions();
    void reap();
    void abandon();
    [[nodiscard]] std::string describe_in_flight() const;

    asio::any_io_executor executor_;
    std::unique_ptr<Ring> ring_;
    asio::posix::stream_descriptor completed_;  // the eventfd
    std::uint64_t completed_count_ = 0;         // what was read from it; of no interest
    asio::steady_timer retry_;                  // after the kernel had no memory for a submission
    asio::steady_timer idle_;                   // cancelled when nothing is in flight any more
    std::vector<IoOperation*> in_flight_;       // handed to the kernel
    IoOperation* first_waiting_ = nullptr;
    IoOperation* last_waiting_ = nullptr;
    bool submission_posted_ = false;
    bool awaiting_ = false;
    bool closing_ = false;
    std::chrono::milliseconds abandon_after_{60'000};
};

}  // namespace demofs::store
