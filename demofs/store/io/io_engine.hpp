// Reads, writes and syncs open files without blocking the executor's thread: what a local store does its
// input and output with.
//
// Threads: an engine belongs to one executor thread (in demofs: the core). Any number of operations may be
// in flight together.
// Cancellation: an operation that was accepted is never interrupted, and the frame that waits for it is not
// resumed before its end, cancelled or not: the memory it reads from or writes to may live in that frame.
// Durability: only of `write_durably` and `sync`, as described at IoOperation::Kind.

#pragma once

#include <sys/uio.h>

#include <asyncdrop/box.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "demofs/base/worker_pool.hpp"

namespace demofs::store {

namespace asio = boost::asio;

/// One request to the kernel and its answer. It stays where it is, with the file and the memory it names,
/// until its `run` has ended.
class IoOperation {
  public:
    enum class Kind {
        read,
        write,          ///< survives no crash by itself
        write_durably,  ///< these bytes survive a crash, as do all that were durable before; earlier ones not
        sync,           ///< all that was written to the file before survives a crash
    };

    IoOperation(Kind operation_kind, int open_file, std::uint64_t file_offset = 0,
                std::span<iovec> in_memory = {}) noexcept
        : kind(operation_kind), file(open_file), offset(file_offset), memory(in_memory) {}
    IoOperation(const IoOperation&) = delete;
    IoOperation& operator=(const IoOperation&) = delete;

    Kind kind;
    int file;
    std::uint64_t offset;
    std::span<iovec> memory;  ///< pieces, in the file's order
    int result = 0;           ///< the bytes that were read or written, maybe fewer than asked, or -errno

  private:
    friend class RingEngine;
    std::optional<asio::async_result<asio::use_awaitable_t<>, void()>::handler_type> caller_;
    IoOperation* next_ = nullptr;  // while it waits for a place in the ring
    std::size_t place_ = 0;        // among those in the ring
};

class IoEngine {
  public:
    IoEngine(const IoEngine&) = delete;
    IoEngine& operator=(const IoEngine&) = delete;
    virtual ~IoEngine() = default;

    /// Has the kernel do `operation` once and puts the answer into it. Throws only if nothing was begun: the
    /// caller is cancelled, or the engine is being dropped (Error(Errc::closed)).
    [[nodiscard]] virtual asio::awaitable<void> run(IoOperation& operation) = 0;

    /// What it works with, for messages: "io_uring".
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    /// Accepts no more operations and waits for the end of those in flight.
    [[nodiscard]] virtual asio::awaitable<void> async_drop_impl() = 0;

  protected:
    IoEngine() = default;
};

/// Runs `operation` again after interruptions and for what is left, until all is done; of a read, until the
/// end of the file. Returns the number of bytes. `operation` is used up. Throws std::system_error: a write may
/// have been done in part then; a sync and a durable write are not tried again, because after a failure
/// nobody knows what the device holds. The caller, if it may be cancelled while it writes, sees to it that
/// the second round is not refused.
[[nodiscard]] asio::awaitable<std::size_t> run_fully(IoEngine& engine, IoOperation& operation);

/// An engine for this process's kernel: io_uring if it may be used here, else `pool`, which must outlive the
/// engine. `executor` is the core thread's. Call it after the last fork. `unusable`, if given, is told in
/// half a sentence why io_uring is not used.
[[nodiscard]] asyncdrop::AsyncDropBox<IoEngine> open_io_engine(const asio::any_io_executor& executor,
                                                               WorkerPool& pool,
                                                               std::string* unusable = nullptr);

}  // namespace demofs::store
