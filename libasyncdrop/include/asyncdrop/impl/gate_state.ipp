// Who goes in and out of a gate; see detail/gate_state.hpp.
#pragma once

#include <asyncdrop/detail/gate_state.hpp>
#include <utility>

namespace asyncdrop::detail {

ASYNCDROP_DECL bool GateState::enter(GateVisitor& visitor) noexcept {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    visitor.since = std::chrono::steady_clock::now();
    link(visitor, last_, nullptr);
    ++inside_;
    return true;
}

ASYNCDROP_DECL void GateState::leave(GateVisitor& visitor) noexcept {
    const std::lock_guard lock(mutex_);
    link_around(visitor, visitor.next, visitor.previous);
    --inside_;
    note_over();
}

ASYNCDROP_DECL void GateState::replace(GateVisitor& from, GateVisitor& to) noexcept {
    const std::lock_guard lock(mutex_);
    to.name = std::move(from.name);
    to.site = from.site;
    to.since = from.since;
    link(to, from.previous, from.next);
}

ASYNCDROP_DECL void GateState::close() noexcept {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    note_over();
}

ASYNCDROP_DECL std::vector<Occupant> GateState::occupants() const {
    std::vector<Occupant> all;
    const std::lock_guard lock(mutex_);
    all.reserve(inside_);
    const auto now = std::chrono::steady_clock::now();
    for (const GateVisitor* at = first_; at != nullptr; at = at->next) {
        all.push_back(Occupant{at->name, at->site, now - at->since});
    }
    return all;
}

ASYNCDROP_DECL void GateState::link(GateVisitor& visitor, GateVisitor* previous, GateVisitor* next) noexcept {
    visitor.previous = previous;
    visitor.next = next;
    (previous != nullptr ? previous->next : first_) = &visitor;
    (next != nullptr ? next->previous : last_) = &visitor;
}

ASYNCDROP_DECL void GateState::link_around(const GateVisitor& visitor, GateVisitor* next,
                                           GateVisitor* previous) noexcept {
    (visitor.previous != nullptr ? visitor.previous->next : first_) = next;
    (visitor.next != nullptr ? visitor.next->previous : last_) = previous;
}

ASYNCDROP_DECL void GateState::note_over() noexcept {
    if (closed_ && inside_ == 0 && !over_.done()) over_.complete(nullptr);
}

}  // namespace asyncdrop::detail
