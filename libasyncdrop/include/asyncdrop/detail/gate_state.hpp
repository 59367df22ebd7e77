// Who is inside an AsyncDropGate: a list of the passes themselves, so that entering allocates nothing but a
// name that is long.
//
// Life: open -> closed (nobody gets in any more) -> over (closed, and nobody is inside).
//
// Threads: every member may be called from any thread; a pass is moved and destroyed by whoever holds it.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/completion.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/occupant.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace asyncdrop::detail {

// A pass as the gate knows it.
struct GateVisitor {
    std::string name;
    CreationSite site;
    std::chrono::steady_clock::time_point since;
    GateVisitor* previous = nullptr;
    GateVisitor* next = nullptr;
};

class GateState : public std::enable_shared_from_this<GateState> {
  public:
    GateState() = default;
    GateState(const GateState&) = delete;
    GateState& operator=(const GateState&) = delete;

    // False: the gate is closed.
    bool enter(GateVisitor& visitor) noexcept;

    void leave(GateVisitor& visitor) noexcept;

    // The visitor is at another address from now on.
    void replace(GateVisitor& from, GateVisitor& to) noexcept;

    void close() noexcept;
    bool closed() const noexcept {
        const std::lock_guard lock(mutex_);
        return closed_;
    }
    std::size_t size() const noexcept {
        const std::lock_guard lock(mutex_);
        return inside_;
    }

    // Closed, and nobody is inside.
    bool over() const noexcept { return over_.done(); }
    boost::asio::awaitable<void> wait() { return over_.wait(shared_from_this()); }

    // Who is inside, the oldest first.
    std::vector<Occupant> occupants() const;

  private:
    // With the mutex held, all of these.
    void link(GateVisitor& visitor, GateVisitor* previous, GateVisitor* next) noexcept;
    void link_around(const GateVisitor& visitor, GateVisitor* next, GateVisitor* previous) noexcept;
    void note_over() noexcept;

    Completion over_;
    mutable std::mutex mutex_;
    GateVisitor* first_ = nullptr;
    GateVisitor* last_ = nullptr;
    std::size_t inside_ = 0;
    bool closed_ = false;
};

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/gate_state.ipp>
#endif
