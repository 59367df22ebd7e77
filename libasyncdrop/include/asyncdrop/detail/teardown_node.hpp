// The nodes of a TeardownGraph: an owned resource, a borrowed one, or a task.
//
// Threads: the data members of a node are guarded by the graph's mutex. drop() is called once, by the
// coroutine that runs the node's cleanup.
#pragma once

#include <asyncdrop/bridge.hpp>
#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/teardown_report.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncdrop::detail {

namespace asio = boost::asio;

// What a graph can hold: a guard, a box, an Arc, or anything that is used like one.
template <class Owner>
concept ResourceOwner = Droppable<Owner> && std::is_nothrow_move_assignable_v<Owner> &&
                        std::is_default_constructible_v<Owner> && requires(Owner& owner) {
                            *owner;
                            static_cast<bool>(owner);
                        };

template <class Owner>
using dropped_value_t = std::remove_reference_t<decltype(*std::declval<Owner&>())>;

template <class Owner>
asio::awaitable<void> drop_unshielded(Owner& owner) {
    if constexpr (requires { CoreAccess::drop_unshielded(owner); }) {
        return CoreAccess::drop_unshielded(owner);
    } else {
        return owner.async_drop();
    }
}

class TeardownNode {
  public:
    using Time = NodeReport::Time;
    using Duration = Time::duration;

    TeardownNode() = default;
    TeardownNode(const TeardownNode&) = delete;
    TeardownNode& operator=(const TeardownNode&) = delete;
    virtual ~TeardownNode() = default;

    // Takes its resource over: nothing can go wrong any more.
    virtual void adopt() noexcept {}

    virtual asio::awaitable<void> drop() = 0;

    // The same for a caller whose cancellation is to reach the cleanup itself.
    virtual asio::awaitable<void> drop_unshielded() { return drop(); }

    // Whether there is something to drop, still after a drop() that could not be started.
    virtual bool armed() const noexcept { return false; }

    // Called when drop() has ended, however it did.
    virtual void drop_ended() noexcept {}

    // Whether the resource itself is inside.
    virtual bool owns() const noexcept { return false; }

    std::string name;
    std::string type;
    CreationSite site;
    void* value = nullptr;                          // the resource; null for a task
    std::function<std::string()> progress;          // what its cleanup waits for, if it can tell
    std::optional<asio::any_io_executor> executor;  // the graph's own if there is none
    std::vector<std::size_t> uses;
    std::vector<std::size_t> users;

    NodeState state = NodeState::waiting;
    std::size_t blockers = 0;  // users whose cleanup has not ended
    std::optional<Time> started;
    std::optional<Time> ended;
    Time overdue_at = Time::max();  // when the next sentence about it is due

    // Its own deadlines; once the teardown has begun, those of the settings where it has none.
    std::optional<Duration> warn_after;
    std::optional<Duration> cancel_after;
    std::optional<Duration> abandon_after;
    std::optional<Time> cancelled;                    // when its cleanup was cancelled
    std::weak_ptr<asio::cancellation_signal> signal;  // of a running cleanup that may be cancelled
    asio::any_io_executor running_on;                 // where to emit it; empty unless there is one
    std::exception_ptr error;
};

template <class Owner>
class OwnedNode final : public TeardownNode {
  public:
    explicit OwnedNode(Owner& from) noexcept : from_(&from) {}

    void adopt() noexcept override {
        owner_ = std::move(*from_);
        value = std::addressof(*owner_);
    }
    Owner& owner() noexcept { return owner_; }
    bool owns() const noexcept override { return true; }
    bool armed() const noexcept override { return wants_drop(owner_); }

    asio::awaitable<void> drop() override { return owner_.async_drop(); }
    asio::awaitable<void> drop_unshielded() override { return asyncdrop::detail::drop_unshielded(owner_); }

  private:
    Owner* from_;  // until it is adopted
    Owner owner_;
};

// The owner's guard is pinned as long as the node is registered: it must not move or die armed.
template <class Owner>
class BorrowedNode final : public TeardownNode {
  public:
    static bool is_borrowed(Owner& owner) noexcept {
        if constexpr (pinnable) {
            return CoreAccess::core(owner).pinned();
        } else {
            return false;
        }
    }

    explicit BorrowedNode(Owner& owner) noexcept : owner_(&owner) {}
    ~BorrowedNode() override { drop_ended(); }

    void adopt() noexcept override {
        value = std::addressof(**owner_);
        if constexpr (pinnable) CoreAccess::core(*owner_).pin();
        pinned_ = pinnable;
    }
    void drop_ended() noexcept override {
        if constexpr (pinnable) {
            if (std::exchange(pinned_, false)) CoreAccess::core(*owner_).unpin();
        }
    }

    bool armed() const noexcept override { return wants_drop(*owner_); }
    asio::awaitable<void> drop() override { return owner_->async_drop(); }
    asio::awaitable<void> drop_unshielded() override { return asyncdrop::detail::drop_unshielded(*owner_); }

  private:
    static constexpr bool pinnable = requires(Owner& owner) { CoreAccess::core(owner); };

    Owner* owner_;
    bool pinned_ = false;
};

template <class Function>
class TaskNode final : public TeardownNode {
  public:
    explicit TaskNode(Function&& function) : function_(std::move(function)) {}

    asio::awaitable<void> drop() override { return as_any(function_()); }

  private:
    Function function_;  // stays here while its coroutine runs, so captures of a lambda stay valid
};

}  // namespace asyncdrop::detail
