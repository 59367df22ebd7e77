// Coroutines that wait for something of one owner (waiter.hpp): first in, first out; intrusive, allocates
// nothing.
//
// Threads: every call is made with the owner's mutex held.
#pragma once

#include <asyncdrop/detail/linkage.hpp>

namespace asyncdrop::detail {

class Waiter;

class WaitList {
  public:
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    void push(Waiter& waiter) noexcept;
    void remove(Waiter& waiter) noexcept;
    void grant_first() noexcept;
    void grant_all() noexcept;

  private:
    Waiter* first_ = nullptr;
    Waiter* last_ = nullptr;
};

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/wait_list.ipp>
#endif
