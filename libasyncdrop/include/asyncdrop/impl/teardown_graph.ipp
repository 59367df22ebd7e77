// What a TeardownGraph does that is no template; see teardown_graph.hpp.
#pragma once

#include <asyncdrop/detail/attempt.hpp>
#include <asyncdrop/detail/teardown_state.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/impl/teardown_build.ipp>
#include <asyncdrop/impl/teardown_run.ipp>
#include <asyncdrop/teardown_graph.hpp>
#include <exception>
#include <new>
#include <optional>
#include <vector>

namespace asyncdrop {

ASYNCDROP_DECL TeardownGraph::TeardownGraph(Passkey<TeardownGraph>, TeardownSettings settings)
    : state_(std::make_shared<detail::TeardownState>(std::move(settings))),
      delivered_(std::make_shared<std::atomic<bool>>(false)) {}

ASYNCDROP_DECL AsyncDropGuard<TeardownGraph> TeardownGraph::create(CreationSite site) {
    return make_guard_at<TeardownGraph>(site);
}

ASYNCDROP_DECL AsyncDropGuard<TeardownGraph> TeardownGraph::create(TeardownSettings settings,
                                                                   CreationSite site) {
    return make_guard_at<TeardownGraph>(site, std::move(settings));
}

ASYNCDROP_DECL void TeardownGraph::add_edge(const AnyNodeHandle& user, const AnyNodeHandle& used) {
    state_->add_edge(index(user), index(used));
}

ASYNCDROP_DECL void TeardownGraph::forget(const AnyNodeHandle& handle) {
    remove(handle, [](const detail::TeardownNode& node) noexcept { return !node.owns(); });
}

ASYNCDROP_DECL asio::awaitable<TeardownReport> TeardownGraph::run() {
    return run_and_note(state_, delivered_);
}

ASYNCDROP_DECL TeardownReport TeardownGraph::so_far() const {
    return state_->so_far();
}

ASYNCDROP_DECL asio::awaitable<void> TeardownGraph::async_drop_impl() {
    return run_and_throw(state_, delivered_, detail::TeardownState::run(state_));
}

ASYNCDROP_DECL asio::awaitable<TeardownReport> TeardownGraph::run_and_note(State state, Flag delivered) {
    asio::awaitable<TeardownReport> running = detail::TeardownState::run(state);
    TeardownReport report = co_await std::move(running);
    delivered->store(true);
    co_return report;
}

ASYNCDROP_DECL asio::awaitable<void> TeardownGraph::run_and_throw(State state, Flag delivered,
                                                                  asio::awaitable<TeardownReport> running) {
    std::optional<TeardownReport> outcome;
    detail::Attempt attempt;
    for (;;) {
        try {
            outcome.emplace(co_await std::move(running));
        } catch (const std::bad_alloc&) {  // for waiting, or for the report
            attempt.error = std::current_exception();
        }
        if (!attempt.again(attempt.error != nullptr)) break;
        running = detail::TeardownState::run(state);  // joins it
    }
    if (attempt.error) std::rethrow_exception(attempt.error);
    const TeardownReport& report = *outcome;
    if (delivered->load()) co_return;
    std::vector<detail::Failure> failures;
    for (const NodeReport* node : report.failures()) {
        failures.push_back(detail::Failure(node->error, node->name, node->site));
    }
    if (const auto error = detail::combine(nullptr, failures)) std::rethrow_exception(error);
}

ASYNCDROP_DECL std::uint64_t TeardownGraph::identity() const noexcept {
    return state_->identity();
}

ASYNCDROP_DECL std::size_t TeardownGraph::index(const AnyNodeHandle& handle) const {
    if (handle.graph_ != state_->identity()) {
        throw TeardownError(TeardownErrc::unknown_node, "the handle is not one of this graph's nodes");
    }
    return handle.index_;
}

ASYNCDROP_DECL void* TeardownGraph::value_of(const AnyNodeHandle& handle) const {
    return state_->value_of(index(handle));
}

ASYNCDROP_DECL std::unique_ptr<detail::TeardownNode> TeardownGraph::remove(const AnyNodeHandle& handle,
                                                                           Wanted wanted) {
    return state_->remove(index(handle), wanted);
}

ASYNCDROP_DECL std::size_t TeardownGraph::insert(std::unique_ptr<detail::TeardownNode> node) {
    return state_->insert(std::move(node));
}

ASYNCDROP_DECL void TeardownGraph::refuse_empty(const NodeName& name) {
    throw TeardownError(TeardownErrc::empty_guard,
                        "the guard for node \"" + name.text() + "\" holds no live resource");
}

ASYNCDROP_DECL void TeardownGraph::refuse_borrowed(const NodeName& name) {
    throw TeardownError(TeardownErrc::already_borrowed,
                        "the guard for node \"" + name.text() + "\" is borrowed by a graph already");
}

ASYNCDROP_DECL void TeardownGraph::apply(detail::TeardownNode& node, const NodeUses& uses) const {
    for (const AnyNodeHandle& used : uses.handles()) node.uses.push_back(index(used));
}

ASYNCDROP_DECL void TeardownGraph::apply(detail::TeardownNode& node, const NodeExecutor& on) const {
    node.executor = on.executor();
}

ASYNCDROP_DECL void TeardownGraph::apply(detail::TeardownNode& node, const Deadline& deadline) const {
    switch (deadline.kind()) {
        case Deadline::Kind::warn:
            node.warn_after = deadline.duration();
            break;
        case Deadline::Kind::cancel:
            node.cancel_after = deadline.duration();
            break;
        case Deadline::Kind::abandon:
            node.abandon_after = deadline.duration();
            break;
    }
}

}  // namespace asyncdrop
