// Who is inside an AsyncDropGate: a list of the passes themselves, so that entering allocates nothing but a
// name that is long.
//
// Life: open -> closed (nobody gets in any more) -> over (closed, and nobody is inside).
//
// Threads: every member may be called from any thread; a pass is moved and destroyed by whoever holds it.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/completion.hpp>
#include <asyncdrop/occupant.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
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
    bool enter(GateVisitor& visitor) noexcept {
        const std::lock_guard lock(mutex_);
        if (closed_) return false;
        visitor.since = std::chrono::steady_clock::now();
        link(visitor, last_, nullptr);
        ++inside_;
        return true;
    }

    void leave(GateVisitor& visitor) noexcept {
        const std::lock_guard lock(mutex_);
        link_around(visitor, visitor.next, visitor.previous);
        --inside_;
        note_over();
    }

    // The visitor is at another address from now on.
    void replace(GateVisitor& from, GateVisitor& to) noexcept {
        const std::lock_guard lock(mutex_);
        to.name = std::move(from.name);
        to.site = from.site;
        to.since = from.since;
        link(to, from.previous, from.next);
    }

    void close() noexcept {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        note_over();
    }
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
    std::vector<Occupant> occupants() const {
        std::vector<Occupant> all;
        const std::lock_guard lock(mutex_);
        all.reserve(inside_);
        const auto now = std::chrono::steady_clock::now();
        for (const GateVisitor* at = first_; at != nullptr; at = at->next) {
            all.push_back(Occupant{at->name, at->site, now - at->since});
        }
        return all;
    }

  private:
    // With the mutex held, all of these.
    void link(GateVisitor& visitor, GateVisitor* previous, GateVisitor* next) noexcept {
        visitor.previous = previous;
        visitor.next = next;
        (previous != nullptr ? previous->next : first_) = &visitor;
        (next != nullptr ? next->previous : last_) = &visitor;
    }
    void link_around(const GateVisitor& visitor, GateVisitor* next, GateVisitor* previous) noexcept {
        (visitor.previous != nullptr ? visitor.previous->next : first_) = next;
        (visitor.next != nullptr ? visitor.next->previous : last_) = previous;
    }
    void note_over() noexcept {
        if (closed_ && inside_ == 0 && !over_.done()) over_.complete(nullptr);
    }

    Completion over_;
    mutable std::mutex mutex_;
    GateVisitor* first_ = nullptr;
    GateVisitor* last_ = nullptr;
    std::size_t inside_ = 0;
    bool closed_ = false;
};

}  // namespace asyncdrop::detail
