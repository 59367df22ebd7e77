// What a scope does that is no template; see scope.hpp.
#pragma once

#include <asyncdrop/detail/occupants_text.hpp>
#include <asyncdrop/scope.hpp>
#include <optional>

namespace asyncdrop {

ASYNCDROP_DECL ScopeClosed::ScopeClosed() : std::runtime_error("the scope is closed: it is being dropped") {}

ASYNCDROP_DECL AsyncDropScope::AsyncDropScope(Passkey<AsyncDropScope>, asio::any_io_executor executor,
                                              WhenDropped when_dropped)
    : group_(std::make_shared<detail::TaskGroup>(std::move(executor))), when_dropped_(when_dropped) {}

ASYNCDROP_DECL AsyncDropGuard<AsyncDropScope> AsyncDropScope::create(asio::any_io_executor executor,
                                                                     WhenDropped when_dropped,
                                                                     CreationSite site) {
    return make_guard_at<AsyncDropScope>(site, std::move(executor), when_dropped);
}

ASYNCDROP_DECL AsyncDropScope::~AsyncDropScope() {
    if (group_ && !group_->over()) group_->abandon();
}

ASYNCDROP_DECL asio::awaitable<void> AsyncDropScope::async_drop_impl() {
    // What is awaited exists before the drop has begun: memory that is short then leaves the scope armed.
    return drop(group_, when_dropped_, detail::TaskGroup::join(group_, group_->wait()));
}

ASYNCDROP_DECL std::function<std::string()> AsyncDropScope::drop_progress() const {
    return detail::progress_of(group_);
}

ASYNCDROP_DECL detail::TaskGroup::Place AsyncDropScope::enter(detail::TaskGroup& group, std::string_view name,
                                                              CreationSite site) {
    std::optional<detail::TaskGroup::Place> place = group.enter(name, site);
    if (!place) throw ScopeClosed();
    return std::move(*place);
}

ASYNCDROP_DECL asio::awaitable<void> AsyncDropScope::drop(Group group, WhenDropped when_dropped,
                                                          asio::awaitable<void> joining) {
    group->close();
    if (when_dropped == WhenDropped::cancel) group->cancel_all();
    co_await std::move(joining);
}

}  // namespace asyncdrop
