// AsyncDropArc<T>: one resource, several owners; the last one cleans it up.
//
//     auto a = asyncdrop::AsyncDropArc<Store>(open_store());   // from a guard or a box
//     auto b = a.clone();
//     co_await a.async_drop();                                 // returns at once, b still owns it
//     co_await b.async_drop();                                 // the last one: runs the cleanup
//
// Contract:
//  * every clone is dropped like a guard, and reported like a forgotten guard if it is not;
//  * the release that takes the count to zero elects exactly one cleaner, whichever threads race;
//  * async_drop() of another owner returns at once; async_drop_and_wait() returns when the resource is
//    really closed, with the cleanup's error;
//  * a handle that is not the last one is dropped as soon as its share is given back, and may then be
//    destroyed or assigned over; the last one must stay where it is until its drop has ended;
//  * an AsyncDropArc<Derived> converts to AsyncDropArc<Base>, without a virtual destructor or cleanup.
//
// A release that is not the last costs one atomic operation in try_release(), without a coroutine:
//     if (!arc.try_release()) co_await arc.async_drop();
//
// Threads: distinct handles of one resource from distinct threads, also clone() and drop at the same time;
// one handle from one strand. Access to the T itself is as safe as T makes it.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/detail/arc_block.hpp>
#include <asyncdrop/detail/handle_core.hpp>
#include <asyncdrop/detail/shielded.hpp>
#include <asyncdrop/detail/token_drops.hpp>
#include <asyncdrop/guard.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncdrop {

/// One of several owners of a T; the last one to drop its share cleans the T up.
template <class T>
class [[nodiscard("an Arc must be dropped with async_drop")]] AsyncDropArc
    : public detail::TokenDrops<AsyncDropArc<T>> {
    using Block = detail::ArcBlock;
    using Error = detail::OwnedError<T>;

  public:
    /// The resource's type.
    using value_type = T;

    /// An empty Arc: owns nothing, needs no drop, and says nothing.
    AsyncDropArc() noexcept = default;

    /// Shares the resource of a guard or box, which is left empty. If the allocation fails (std::bad_alloc),
    /// the resource stays where it was.
    explicit AsyncDropArc(AsyncDropBox<T>&& box, CreationSite site = CreationSite::here())
        : value_(&*box), block_(new Block(box)) {
        core_.arm(site);
    }
    explicit AsyncDropArc(AsyncDropGuard<T>&& guard, CreationSite site = CreationSite::here())
        requires(!std::is_abstract_v<T>)
        : block_(Block::from_guard(guard, value_)) {
        core_.arm(site);
    }

    /// Leaves `other` empty.
    AsyncDropArc(AsyncDropArc&& other) noexcept : detail::TokenDrops<AsyncDropArc>() { take(other); }

    /// An Arc of something derived from T becomes an Arc of T; the other owners keep theirs.
    template <class Derived>
        requires(!std::is_same_v<Derived, T> && std::is_convertible_v<Derived*, T*>)
    AsyncDropArc(AsyncDropArc<Derived>&& other) noexcept {  // NOLINT: implicit like a pointer conversion
        take(other);
    }

    /// Assigning over an Arc that still owns is a misuse.
    AsyncDropArc& operator=(AsyncDropArc&& other) noexcept {
        if (this == &other) return *this;
        if (block_) [[unlikely]] {
            detail::misuse("an Arc was assigned over an Arc that has not been dropped", type(),
                           creation_site());
        }
        take(other);
        return *this;
    }

    AsyncDropArc(const AsyncDropArc&) = delete;  // clone() says that there is one more owner to drop
    AsyncDropArc& operator=(const AsyncDropArc&) = delete;

    /// Reports an Arc that was not dropped and gives its share back. If it was the last one, the T is
    /// destroyed without cleanup.
    ~AsyncDropArc() {
        if (block_) [[unlikely]] {
            core_.report(type());
            block_->forget_owner();
        }
    }

    /// One more owner of the same resource; `site` is what a report about it names.
    [[nodiscard]] AsyncDropArc clone(CreationSite site = CreationSite::here()) const noexcept {
        Block& shared = block();
        shared.add_owner();
        return AsyncDropArc(value_, &shared, site);
    }

    /// Gives this share back if it is not the last one, and says whether it did. Never waits, never throws,
    /// allocates nothing. False: this is the only owner left (or the Arc is empty), call async_drop().
    [[nodiscard]] bool try_release() noexcept {
        if (!block_ || !block_->release_if_shared()) return false;
        forget_block();
        return true;
    }

    /// Gives this share back; the last owner runs the cleanup and waits for it.
    ///
    /// Errors: the cleanup's, for the last owner only; the resource is gone all the same. Only if the cleanup
    /// could not be started (std::bad_alloc, ExecutorMismatch) does this Arc still own. On an empty or
    /// dropped Arc: success, nothing happens. Cancellation: shielded once it has started; see
    /// even_if_cancelled.hpp for how to start it.
    [[nodiscard("async_drop does nothing until it is awaited")]] asio::awaitable<void> async_drop() & {
        return drop<void>(*this, detail::DropTicket(core_), false, true);
    }
    asio::awaitable<void> async_drop() && = delete;
    using detail::TokenDrops<AsyncDropArc>::async_drop;

    /// The same for code that works with results; as AsyncDropGuard::try_async_drop.
    [[nodiscard("try_async_drop does nothing until it is awaited")]] auto try_async_drop() & {
        return drop<DropResult<typename Error::type>>(*this, detail::DropTicket(core_), false, true);
    }
    void try_async_drop() && = delete;
    using detail::TokenDrops<AsyncDropArc>::try_async_drop;

    /// The same, but an owner that is not the last one waits too: returns when the resource is closed, with
    /// the cleanup's error. Waits for ever if its caller is itself responsible for another clone.
    [[nodiscard("async_drop does nothing until it is awaited")]] asio::awaitable<void>
    async_drop_and_wait() & {
        return drop<void>(*this, detail::DropTicket(core_), true, true);
    }
    asio::awaitable<void> async_drop_and_wait() && = delete;

    /// The resource itself, if this is the only owner and nobody waits in async_drop_and_wait: then the Arc
    /// is left empty and the box carries the duty. Otherwise nothing changes.
    [[nodiscard]] std::optional<AsyncDropBox<T>> into_inner() {
        block();
        if (!block_->is_sole_reference()) return std::nullopt;
        std::optional<AsyncDropBox<T>> box(block_->take_box(value_));
        std::exchange(block_, nullptr)->release_reference();
        core_.make_empty();
        return box;
    }

    /// Whether this handle has given its share back.
    bool is_dropped() const noexcept { return core_.state() == detail::DropState::dropped; }
    /// Whether this handle owns a share.
    explicit operator bool() const noexcept { return block_ != nullptr; }

    /// How many owners there are; zero for an empty Arc. Others may change it at any moment.
    std::size_t strong_count() const noexcept { return block_ ? block_->owners() : 0; }

    /// The resource; misuse if this handle is empty or dropped.
    T* operator->() const& noexcept { return &value(); }
    T* operator->() const&& = delete;
    T& operator*() const& noexcept { return value(); }
    T& operator*() const&& = delete;

    /// Exchanges the handles.
    void swap(AsyncDropArc& other) noexcept {
        AsyncDropArc kept = std::move(other);
        other = std::move(*this);
        *this = std::move(kept);
    }
    friend void swap(AsyncDropArc& a, AsyncDropArc& b) noexcept { a.swap(b); }

    /// Where this handle was made, for messages.
    CreationSite creation_site() const noexcept { return core_.site(); }

    /// The name of the resource's type, for messages.
    std::string_view resource_name() const noexcept {
        return block_ ? block_->box().resource_name() : detail::type_name<T>();
    }

  private:
    template <class U>
    friend class AsyncDropArc;
    friend struct detail::CoreAccess;

    AsyncDropArc(T* value, Block* block, CreationSite site) noexcept : value_(value), block_(block) {
        core_.arm(site);
    }

    template <class Outcome>
    static asio::awaitable<Outcome> drop(AsyncDropArc& self, detail::DropTicket ticket, bool wait,
                                         bool shielded) {
        ticket.started();
        // Whatever may fail to be allocated is allocated before the share is given back. Nobody can become a
        // second owner beside a last one, so the election below cannot be lost.
        while (self.block_ != nullptr && self.block_->owners() > 1) {
            Block& block = *self.block_;
            if (!wait) {
                if (self.try_release()) break;
                continue;
            }
            asio::awaitable<void> closed = wait_closed(block.reference());
            if (self.try_release()) {
                co_await std::move(closed);
                break;
            }
        }
        detail::Ending<Outcome> ending;
        if (self.block_ != nullptr) {
            Block& block = *self.block_;
            asio::awaitable<Outcome> cleanup = start_cleanup<Outcome>(block, shielded);
            block.release_owner();
            self.forget_block();
            typename Block::Cleaner cleaner(block);
            if (shielded) co_await asio::this_coro::throw_if_cancelled(false);
            try {
                if constexpr (std::is_void_v<Outcome>) {
                    co_await std::move(cleanup);
                } else {
                    ending.result.emplace(co_await std::move(cleanup));
                }
            } catch (...) {
                ending.error = std::current_exception();
            }
            if (block.box()) {  // it could not be started
                cleaner.give_up_duty();
                block.restore_owner();
                self.block_ = &block;
                self.core_.rearm();
            } else {
                cleaner.done(error_of(ending));
            }
        }
        co_await asio::this_coro::throw_if_cancelled(true);
        if (ending.error) std::rethrow_exception(ending.error);
        if constexpr (!std::is_void_v<Outcome>) {
            if (ending.result) co_return std::move(*ending.result);
            co_return Outcome();
        }
    }

    template <class Outcome>
    static asio::awaitable<Outcome> start_cleanup(Block& block, [[maybe_unused]] bool shielded) {
        if constexpr (!std::is_void_v<Outcome>) {
            return detail::CoreAccess::try_drop<typename Outcome::error_type>(block.box());
        } else {
            return shielded ? block.box().async_drop() : detail::CoreAccess::drop_unshielded(block.box());
        }
    }

    template <class Outcome>
    static std::exception_ptr error_of(const detail::Ending<Outcome>& ending) noexcept {
        if constexpr (!std::is_void_v<Outcome>) {
            if (ending.result && ending.result->has_error())
                return detail::to_exception(ending.result->error());
        }
        return ending.error;
    }

    static asio::awaitable<void> wait_closed(typename Block::Reference reference) {
        detail::Completion& completed = reference->completed();
        asio::awaitable<void> completion = completed.wait(nullptr);
        asio::awaitable<void> shielded = detail::shielded(std::move(completion));
        co_await std::move(shielded);
        if (const std::exception_ptr error = completed.error()) std::rethrow_exception(error);
    }

    static constexpr std::string_view type() noexcept { return detail::type_name<AsyncDropArc<T>>(); }

    T& value() const noexcept {
        block();
        return *value_;
    }

    Block& block() const noexcept {
        if (!block_) [[unlikely]] {
            detail::misuse(is_dropped() ? "an Arc was used after its async_drop" : "an empty Arc was used",
                           type(), creation_site());
        }
        return *block_;
    }

    template <class U>
    void take(AsyncDropArc<U>& other) noexcept {
        other.core_.check_movable(type());
        value_ = std::exchange(other.value_, nullptr);
        block_ = std::exchange(other.block_, nullptr);
        core_.take(other.core_);
    }

    // async_drop() whose cleanup the caller may cancel.
    asio::awaitable<void> drop_unshielded() {
        return drop<void>(*this, detail::DropTicket(core_), false, false);
    }

    // For a holder that has made the report about it.
    void forget_unreported() noexcept {
        if (!block_) return;
        core_.make_empty();
        std::exchange(block_, nullptr)->forget_owner();
    }

    void forget_block() noexcept {
        block_ = nullptr;
        core_.end_drop();
    }

    T* value_ = nullptr;
    Block* block_ = nullptr;  // null unless core_ is armed
    detail::HandleCore core_;
};

/// Whether both own the same resource, also as different bases of it.
template <class T, class U>
bool ptr_eq(const AsyncDropArc<T>& a, const AsyncDropArc<U>& b) noexcept {
    return detail::CoreAccess::block(a) == detail::CoreAccess::block(b);
}

/// Equal for owners of the same resource.
template <class T>
std::size_t ptr_hash(const AsyncDropArc<T>& arc) noexcept {
    return std::hash<const void*>()(detail::CoreAccess::block(arc));
}

}  // namespace asyncdrop
