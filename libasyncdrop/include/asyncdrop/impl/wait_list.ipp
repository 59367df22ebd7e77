// WaitList's functions; see detail/wait_list.hpp.
#pragma once

#include <asyncdrop/detail/wait_list.hpp>
#include <asyncdrop/detail/waiter.hpp>

namespace asyncdrop::detail {

ASYNCDROP_DECL void WaitList::push(Waiter& waiter) noexcept {
    waiter.previous_ = last_;
    waiter.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &waiter;
    last_ = &waiter;
    waiter.queued_ = true;
}

ASYNCDROP_DECL void WaitList::remove(Waiter& waiter) noexcept {
    (waiter.previous_ != nullptr ? waiter.previous_->next_ : first_) = waiter.next_;
    (waiter.next_ != nullptr ? waiter.next_->previous_ : last_) = waiter.previous_;
    waiter.queued_ = false;
}

ASYNCDROP_DECL void WaitList::grant_first() noexcept {
    Waiter& waiter = *first_;
    remove(waiter);
    waiter.grant();
}

ASYNCDROP_DECL void WaitList::grant_all() noexcept {
    while (!empty()) grant_first();
}

}  // namespace asyncdrop::detail
