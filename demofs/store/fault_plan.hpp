// Which operations of a FaultObjectStore are struck, and how: shared with whoever plans it, who may change it at
// any time.
//
// Threads: the store's strand.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "demofs/store/operation_watch.hpp"
#include "demofs/store/store_operation.hpp"

namespace demofs::store {

namespace asio = boost::asio;

enum class FaultEffect {
    fail,   ///< with an error
    hang,   ///< waits before it takes effect, until FaultPlan::release
    delay,  ///< waits before it takes effect, for a time
};

/// Which operations are struck, and how.
struct Fault {
    std::optional<OperationKind> kind = std::nullopt;  ///< any kind if none
    std::uint64_t nth = 1;  ///< counts matching operations from `FaultPlan::add` on
    FaultEffect effect = FaultEffect::fail;
    std::errc error = std::errc::io_error;
    std::chrono::milliseconds delay{0};
    bool persistent = false;  ///< all later matching operations are struck as well
    bool applied = false;     ///< the operation takes effect below before it fails
};

/// Reads "OPERATION:N:EFFECT", as `demofs mount --store-fault` takes it: OPERATION is create, write, sync, seal,
/// read, list, remove or space; N counts from 1, and "N+" means all from the N-th on; EFFECT is eio, enospc,
/// hang or delay=MILLISECONDS. Throws Error (EINVAL) with a sentence.
[[nodiscard]] Fault parse_fault(std::string_view spec);

class FaultPlan {
  public:
    FaultPlan() = default;
    FaultPlan(const FaultPlan&) = delete;
    FaultPlan& operator=(const FaultPlan&) = delete;

    void add(const Fault& fault) { faults_.push_back(fault); }
    /// Who sees the operations that wait here; outlives them, or is null.
    void set_watch(OperationWatch* operations) noexcept { operations_under_way_ = operations; }

    /// From the nth matching operation on, all matching ones hang. A test releases before it ends: coroutines
    /// that hang are freed by nothing else.
    void hold(std::optional<OperationKind> kind = std::nullopt, std::uint64_t nth = 1);
    /// Lets the operations that hang go on, and forgets the faults that made them hang.
    void release();
    /// Forgets all faults; operations that hang stay so.
    void clear() { faults_.clear(); }

    /// Operations that hang now.
    [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }
    /// Operations that have reached the store so far, those that were struck included.
    [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }
    /// Those of them that a fault has struck.
    [[nodiscard]] std::uint64_t strikes() const noexcept { return strikes_; }
    /// Those of them that were reads.
    [[nodiscard]] std::uint64_t read_strikes() const noexcept { return read_strikes_; }

    /// Counts an operation on `object` (for messages), and lets it wait as long as it is to. Throws the error
    /// that strikes it, or returns the one to be thrown once it has taken effect.
    [[nodiscard]] asio::awaitable<std::optional<std::errc>> meet(OperationKind kind, std::string object);

  private:
    using Handler = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

    asio::awaitable<void> wait_for_release();

    std::vector<Fault> faults_;
    std::vector<Handler> held_;
    OperationWatch* operations_under_way_ = nullptr;
    std::uint64_t operations_ = 0;
    std::uint64_t strikes_ = 0;
    std::uint64_t read_strikes_ = 0;
};

/// Throws the error of an injected fault.
[[noreturn]] void throw_fault(std::errc error, OperationKind kind, const std::string& object);

}  // namespace demofs::store
