// What a gate does that is no template; see gate.hpp.
#pragma once

#include <asyncdrop/detail/occupants_text.hpp>
#include <asyncdrop/detail/shielded.hpp>
#include <asyncdrop/gate.hpp>
#include <new>

namespace asyncdrop {

ASYNCDROP_DECL GateClosed::GateClosed() : std::runtime_error("the gate is closed: it is being dropped") {}

ASYNCDROP_DECL AsyncDropGate::AsyncDropGate(Passkey<AsyncDropGate>)
    : state_(std::make_shared<detail::GateState>()) {}

ASYNCDROP_DECL AsyncDropGuard<AsyncDropGate> AsyncDropGate::create(CreationSite site) {
    return make_guard_at<AsyncDropGate>(site);
}

ASYNCDROP_DECL AsyncDropGate::Pass AsyncDropGate::enter(std::string_view name, CreationSite site) const {
    Pass pass(state_, name, site);
    if (!pass) throw GateClosed();
    return pass;
}

ASYNCDROP_DECL std::optional<AsyncDropGate::Pass> AsyncDropGate::try_enter(std::string_view name,
                                                                           CreationSite site) const {
    std::optional<Pass> pass(Pass(state_, name, site));
    if (!*pass) pass.reset();
    return pass;
}

ASYNCDROP_DECL asio::awaitable<void> AsyncDropGate::async_drop_impl() {
    // What is awaited exists before the drop has begun: memory that is short then leaves the gate armed.
    return drain(state_, state_->wait());
}

ASYNCDROP_DECL std::function<std::string()> AsyncDropGate::drop_progress() const {
    return detail::progress_of(state_);
}

ASYNCDROP_DECL asio::awaitable<void> AsyncDropGate::drain(State state, asio::awaitable<void> over) {
    state->close();
    try {
        asio::awaitable<void> waiting = detail::shielded(std::move(over));
        co_await std::move(waiting);
    } catch (const std::bad_alloc&) {  // for waiting: once more
    }
    if (!state->over()) {
        asio::awaitable<void> again = state->wait();
        asio::awaitable<void> waiting = detail::shielded(std::move(again));
        co_await std::move(waiting);
    }
}

}  // namespace asyncdrop
