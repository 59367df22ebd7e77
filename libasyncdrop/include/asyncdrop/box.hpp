// AsyncDropBox<T>: AsyncDropGuard's twin on the heap.
//
// For a T that cannot move, that is abstract, or whose address must stay. An AsyncDropBox<Derived> converts
// to AsyncDropBox<Base>; the box remembers how to drop and destroy what was put in, so neither a virtual
// destructor nor a virtual async_drop_impl is needed. Same contract, checks and reports as the guard.
//
// Threads: distinct boxes from distinct threads; one box from one strand.
#pragma once

#include <asyncdrop/detail/check_cleanup.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/guard.hpp>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncdrop {

namespace detail {

// Where the erased cleanup of a box may leave an error value of a type that its caller wants.
class ErrorSlot {
  public:
    ErrorSlot() noexcept = default;  // nowhere: errors are thrown
    template <class E>
    explicit ErrorSlot(std::optional<E>& place) noexcept : type_(&id<E>), place_(&place) {}

    // The place, if it is for an E.
    template <class E>
    std::optional<E>* get() const noexcept {
        return type_ == &id<E> ? static_cast<std::optional<E>*>(place_) : nullptr;
    }

  private:
    template <class E>
    static inline char id = 0;  // its address tells types apart

    const void* type_ = nullptr;
    void* place_ = nullptr;
};

// What a box holds, seen without its type.
class BoxNode {
  public:
    BoxNode() noexcept = default;
    BoxNode(const BoxNode&) = delete;
    BoxNode& operator=(const BoxNode&) = delete;
    virtual ~BoxNode() = default;

    virtual asio::awaitable<void> start_drop(const asio::any_io_executor& caller, ErrorSlot slot) = 0;
    virtual void destroy_value() noexcept = 0;
    virtual std::string_view type() const noexcept = 0;
};

template <class R>
asio::awaitable<void> await_and_report(asio::awaitable<R> cleanup, ErrorSlot slot) {
    using E = std::remove_cvref_t<decltype(std::declval<R&>().error())>;
    R result = co_await std::move(cleanup);
    if (result.has_value()) co_return;
    std::optional<E>* const place = slot.get<E>();
    if (!place) std::rethrow_exception(to_exception(result.error()));
    place->emplace(result.error());
}

asio::awaitable<void> drop_as_coroutine(void (*drop)(void*) noexcept, void* value);

template <class T>
class BoxNodeOf final : public BoxNode {
  public:
    template <class... Args>
    explicit BoxNodeOf(Args&&... args) {
        check_cleanup<T>();
        Access::construct<T>(static_cast<void*>(std::addressof(value_)), std::forward<Args>(args)...);
    }
    ~BoxNodeOf() override {}  // destroy_value() has been called

    asio::awaitable<void> start_drop(const asio::any_io_executor& caller,
                                     [[maybe_unused]] ErrorSlot slot) override {
        if constexpr (SyncDroppable<T>) {
            const auto drop = [](void* value) noexcept {
                async_drop_traits<T>::async_drop(*static_cast<T*>(value));
            };
            return drop_as_coroutine(drop, value());
        } else if constexpr (drops_to_result<T>) {
            return await_and_report(start_cleanup(value_, caller), slot);
        } else {
            return start_cleanup(value_, caller);
        }
    }
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

/// Owner of a T on the heap that must be cleaned up asynchronously before it dies.
template <class T>
class [[nodiscard("a box must be dropped with async_drop")]] AsyncDropBox
    : public detail::CoreOwner<AsyncDropBox<T>, T> {
    using Base = detail::CoreOwner<AsyncDropBox, T>;

  public:
    /// An empty box: holds nothing, needs no drop, and says nothing.
    AsyncDropBox() noexcept = default;

    /// Leaves `other` empty; the T stays where it is. Moving a box whose drop is running is a misuse.
    AsyncDropBox(AsyncDropBox&& other) noexcept : Base() { take(other, other.value_); }

    /// A box of something derived from T becomes a box of T.
    template <class Derived>
        requires(!std::is_same_v<Derived, T> && std::is_convertible_v<Derived*, T*>)
    AsyncDropBox(AsyncDropBox<Derived>&& other) noexcept {  // NOLINT: implicit like a pointer conversion
        take(other, other.value_);
    }

    /// Assigning over a box that still wants its drop is a misuse.
    AsyncDropBox& operator=(AsyncDropBox&& other) noexcept {
        if (this == &other) return *this;
        this->core_.check_overwritable(resource_name());
        take(other, other.value_);
        return *this;
    }

    AsyncDropBox(const AsyncDropBox&) = delete;
    AsyncDropBox& operator=(const AsyncDropBox&) = delete;

    /// Reports an armed or dropping box to the forgotten handler, then destroys the T.
    ~AsyncDropBox() {
        if (this->core_.holds_value()) [[unlikely]] {
            this->core_.report(node_->type());
            node_->destroy_value();
        }
    }

    /// The name of the type that was put into the box, for messages.
    std::string_view resource_name() const noexcept { return node_ ? node_->type() : detail::type_name<T>(); }

  private:
    template <class U>
    friend class AsyncDropBox;
    template <class U, class... Args>
    friend AsyncDropBox<U> make_box_at(CreationSite site, Args&&... args);
    friend Base;
    friend struct detail::CoreAccess;

    class Operation {
      public:
        static constexpr bool synchronous = false;
        static constexpr bool needs_executor = true;

        explicit Operation(AsyncDropBox& box) noexcept : box_(&box) {}
        detail::GuardCore& core() const noexcept { return box_->core_; }
        std::string_view type() const noexcept { return box_->resource_name(); }
        asio::awaitable<void> start(const asio::any_io_executor& caller) const {
            return box_->node_->start_drop(caller, slot_);
        }
        void finish() const noexcept {
            box_->node_->destroy_value();
            box_->core_.end_drop();
        }

      protected:
        AsyncDropBox* box_;
        detail::ErrorSlot slot_;
    };

    template <class E>
    class ResultOperation : public Operation {
      public:
        using Operation::Operation;
        void collect(std::optional<E>& place) noexcept { this->slot_ = detail::ErrorSlot(place); }
    };

    AsyncDropBox(CreationSite site, T* value, std::unique_ptr<detail::BoxNode> node) noexcept
        : Base(site, node->type()), value_(value), node_(std::move(node)) {}

    T* value() const noexcept { return value_; }

    template <class U>
    void take(AsyncDropBox<U>& other, T* value) noexcept {
        detail::GuardCore& core = detail::CoreAccess::core(other);
        core.check_movable(other.resource_name());
        value_ = value;
        other.value_ = nullptr;
        node_ = std::move(other.node_);
        this->core_.take(core);
    }

    T* value_ = nullptr;
    std::unique_ptr<detail::BoxNode> node_;
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
    AsyncDropBox<T> box = make_box_at<T>(this->core_.site(), std::move(*this->usable()));
    detail::CoreAccess::core(box).note_moved_from(this->core_);
    let_go();
    return box;
}

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/box.ipp>
#endif
