// AsyncDropBox<T>: AsyncDropGuard's twin on the heap.
//
// For a T that cannot move, that is abstract, or whose address must stay. An AsyncDropBox<Derived> converts
// to AsyncDropBox<Base>; the box remembers how to drop and destroy what was put in, so neither a virtual
// destructor nor a virtual async_drop_impl is needed. Same contract, checks and reports as the guard.
//
// Threads: distinct boxes from distinct threads; one box from one strand.
#pragma once

#include <asyncdrop/detail/with_token.hpp>
#include <asyncdrop/guard.hpp>
#include <memory>
#include <type_traits>
#include <utility>

namespace asyncdrop {

namespace detail {

/// What a box holds, seen without its type.
class BoxNode {
  public:
    BoxNode() noexcept = default;
    BoxNode(const BoxNode&) = delete;
    BoxNode& operator=(const BoxNode&) = delete;
    virtual ~BoxNode() = default;

    virtual asio::awaitable<void> start_drop() = 0;
    virtual void destroy_value() noexcept = 0;
    virtual std::string_view type() const noexcept = 0;
};

template <class R>
asio::awaitable<void> await_and_throw(asio::awaitable<R> cleanup) {
    R result = co_await std::move(cleanup);
    if (!result.has_value()) std::rethrow_exception(to_exception(result.error()));
}

template <class T>
asio::awaitable<void> drop_as_coroutine(T& value) {
    async_drop_traits<T>::async_drop(value);
    co_return;
}

/// Any kind of cleanup as an awaitable<void>.
template <AsyncDrop T>
asio::awaitable<void> start_drop_of(T& value) {
    if constexpr (SyncDroppable<T>) {
        return drop_as_coroutine(value);
    } else if constexpr (drops_to_result<T>) {
        return await_and_throw(async_drop_traits<T>::async_drop(value));
    } else {
        return async_drop_traits<T>::async_drop(value);
    }
}

template <class T>
class BoxNodeOf final : public BoxNode {
  public:
    template <class... Args>
    explicit BoxNodeOf(Args&&... args) {
        Access::construct<T>(static_cast<void*>(std::addressof(value_)), std::forward<Args>(args)...);
    }
    ~BoxNodeOf() override {}  // destroy_value() has been called

    asio::awaitable<void> start_drop() override { return start_drop_of(value_); }
    void destroy_value() noexcept override {
        if constexpr (std::is_class_v<T>) {
            value_.T::~T();  // exactly a T: its destructor need not be virtual
        } else {
            std::destroy_at(std::addressof(value_));
        }
    }
    std::string_view type() const noexcept override { return type_name<T>(); }
    T* value() noexcept { return std::addressof(value_); }

  private:
    union {
        T value_;
    };
};

}  // namespace detail

template <class T>
class [[nodiscard("a box must be dropped with async_drop")]] AsyncDropBox {
  public:
    using value_type = T;

    /// An empty box: holds nothing, needs no drop, and says nothing.
    AsyncDropBox() noexcept = default;

    /// Leaves `other` empty; the T stays where it is. Moving a box whose drop is running is a misuse.
    AsyncDropBox(AsyncDropBox && other) noexcept {
        take(other);
    }

    /// A box of something derived from T becomes a box of T.
    template <class Derived>
    requires(!std::is_same_v<Derived, T> && std::is_convertible_v<Derived*, T*>)
        AsyncDropBox(AsyncDropBox<Derived> && other)
    noexcept {  // NOLINT: implicit like a pointer conversion
        take(other);
    }

    /// Assigning over a box that still wants its drop is a misuse.
    AsyncDropBox& operator=(AsyncDropBox&& other) noexcept {
        if (this == &other) return *this;
        core_.check_overwritable(resource_name());
        take(other);
        return *this;
    }

    AsyncDropBox(const AsyncDropBox&) = delete;
    AsyncDropBox& operator=(const AsyncDropBox&) = delete;

    /// Reports an armed or dropping box to the forgotten handler, then destroys the T.
    ~AsyncDropBox() {
        if (core_.holds_value()) [[unlikely]] {
            core_.report(node_->type());
            node_->destroy_value();
        }
    }

    /// Cleans the T up and destroys it; as AsyncDropGuard::async_drop.
    [[nodiscard("async_drop does nothing until it is awaited")]] asio::awaitable<void> async_drop()& {
        return detail::run_drop(Operation(*this));
    }
    asio::awaitable<void> async_drop()&& = delete;

    /// The same for callers that are no coroutines: runs the cleanup on `executor`. `token` is any completion
    /// token for void(std::exception_ptr): a callback, use_future, detached, ... A cancellation slot that is
    /// bound to it is ignored.
    template <detail::ExecutorArgument Executor, class Token>
    auto async_drop(const Executor& executor, Token&& token)& {
        return detail::drop_with_token(*this, asio::any_io_executor(executor), std::forward<Token>(token));
    }

    /// The same on the token's own executor, bound to it with bind_executor. With use_awaitable it is
    /// async_drop().
    template <class Token>
    auto async_drop(Token && token)& {
        return detail::drop_with_token(*this, std::forward<Token>(token));
    }
    template <class... Args>
    requires(sizeof...(Args) > 0) void async_drop(Args && ...)&& = delete;

    bool is_dropped() const noexcept {
        return core_.state() == detail::DropState::dropped;
    }
    explicit operator bool() const noexcept {
        return core_.armed();
    }

    T* operator->()& noexcept {
        return get();
    }
    const T* operator->() const& noexcept {
        return get();
    }
    T* operator->()&& = delete;
    const T* operator->() const&& = delete;

    T& operator*()& noexcept {
        return *get();
    }
    const T& operator*() const& noexcept {
        return *get();
    }
    T& operator*()&& = delete;
    const T& operator*() const&& = delete;

    void swap(AsyncDropBox & other) noexcept {
        AsyncDropBox kept = std::move(other);
        other = std::move(*this);
        *this = std::move(kept);
    }
    friend void swap(AsyncDropBox & a, AsyncDropBox & b) noexcept {
        a.swap(b);
    }

    /// Where the T was made, for messages.
    CreationSite creation_site() const noexcept {
        return core_.site();
    }

    /// The name of the type that was put into the box, for messages.
    std::string_view resource_name() const noexcept {
        return node_ ? node_->type() : detail::type_name<T>();
    }

  private:
    template <class U>
    friend class AsyncDropBox;
    template <class U, class... Args>
    friend AsyncDropBox<U> make_box_at(CreationSite site, Args && ... args);
    friend struct detail::CoreAccess;

    class Operation {
      public:
        explicit Operation(AsyncDropBox& box) noexcept : box_(&box) {}
        detail::GuardCore& core() const noexcept { return box_->core_; }
        std::string_view type() const noexcept { return box_->resource_name(); }
        asio::awaitable<void> start() const { return box_->node_->start_drop(); }
        void finish() const noexcept {
            box_->node_->destroy_value();
            box_->core_.end_drop();
        }

      private:
        AsyncDropBox* box_;
    };

    AsyncDropBox(CreationSite site, T * value, std::unique_ptr<detail::BoxNode> node) noexcept
        : value_(value), node_(std::move(node)), core_(site, node_->type()) {}

    T* get() const noexcept {
        core_.check_usable(resource_name());
        return value_;
    }

    template <class U>
    void take(AsyncDropBox<U> & other) noexcept {
        other.core_.check_movable(other.resource_name());
        value_ = std::exchange(other.value_, nullptr);
        node_ = std::move(other.node_);
        core_.take(other.core_);
    }

    T* value_ = nullptr;
    std::unique_ptr<detail::BoxNode> node_;
    detail::GuardCore core_;
};

/// Makes a T on the heap, through its passkey constructor if it has a fitting one, and guards it.
template <class T, class... Args>
[[nodiscard]] AsyncDropBox<T> make_box_at(CreationSite site, Args&&... args) {
    auto node = std::make_unique<detail::BoxNodeOf<T>>(std::forward<Args>(args)...);
    T* value = node->value();
    return AsyncDropBox<T>(site, value, std::move(node));
}

/// make_box<T>(args...): as make_box_at, with the place of this call (or a last argument CreationSite).
ASYNCDROP_DETAIL_BY_ARITY(AsyncDropBox, make_box)

template <class T>
AsyncDropBox<T> AsyncDropGuard<T>::into_box() && {
    AsyncDropBox<T> box = make_box_at<T>(core_.site(), std::move(*get()));
    detail::CoreAccess::core(box).note_moved_from(core_);
    let_go();
    return box;
}

}  // namespace asyncdrop
