// What a stack does that is no template; see stack.hpp.
#pragma once

#include <algorithm>
#include <asyncdrop/detail/attempt.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/stack.hpp>
#include <boost/asio/this_coro.hpp>

namespace asyncdrop {

ASYNCDROP_DECL AsyncDropStack::AsyncDropStack(AsyncDropStack&& other) noexcept : site_(other.site_) {
    other.check_idle("a stack was moved while its async_drop is running");
    entries_ = std::move(other.entries_);
    failures_ = std::move(other.failures_);
    other.entries_.clear();
}

ASYNCDROP_DECL AsyncDropStack::~AsyncDropStack() {
    while (!entries_.empty()) entries_.pop_back();
}

ASYNCDROP_DECL void AsyncDropStack::release() noexcept {
    check_idle("a stack was released while its async_drop is running");
    while (!entries_.empty()) {
        entries_.back()->forget();
        entries_.pop_back();
    }
}

ASYNCDROP_DECL void AsyncDropStack::check_idle(std::string_view sentence) const noexcept {
    if (dropping_) [[unlikely]]
        detail::misuse(sentence, resource_name(), site_);
}

ASYNCDROP_DECL void AsyncDropStack::make_room() {
    check_idle("something was added to a stack while its async_drop is running");
    if (entries_.size() == entries_.capacity())
        entries_.reserve(std::max<std::size_t>(8, 2 * entries_.size()));
    failures_.reserve(entries_.capacity());
}

ASYNCDROP_DECL asio::awaitable<void> AsyncDropStack::run() {
    check_idle("async_drop was called while another async_drop of the same stack is running");
    dropping_ = true;
    for (std::size_t left = entries_.size(); left-- > 0;) {
        Entry& entry = *entries_[left];
        detail::Attempt attempt;
        do {
            co_await even_if_cancelled;
            try {
                asio::awaitable<void> dropping = entry.drop();
                co_await std::move(dropping);
            } catch (...) {
                attempt.error = std::current_exception();
            }
        } while (attempt.again(attempt.error && entry.armed()));
        if (attempt.error) failures_.push_back(entry.failure(attempt.error));
        if (attempt.error && entry.armed()) continue;
        entry.ended();
        entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(left));
    }
    dropping_ = false;
    co_await asio::this_coro::throw_if_cancelled(true);
    const std::exception_ptr error = detail::combine(nullptr, failures_);
    failures_.clear();
    if (error) std::rethrow_exception(error);
}

}  // namespace asyncdrop
