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
//  * a handle is dropped as soon as its share is given back; it may then be destroyed or assigned over.
//
// A release that is not the last costs one atomic operation in try_release(), without a coroutine:
//     if (!arc.try_release()) co_await arc.async_drop();
//
// Threads: distinct handles of one resource from distinct threads, also clone() and drop at the same time;
// one handle from one strand. Access to the T itself is as safe as T makes it.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/detail/arc_block.hpp>
#include <asyncdrop/detail/shielded.hpp>
#include <asyncdrop/detail/with_token.hpp>
#include <asyncdrop/guard.hpp>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncdrop {

template <class T>
class [[nodiscard("an Arc must be dropped with async_drop")]] AsyncDropArc {
  public:
    using value_type = T;

    /// An empty Arc: owns nothing, needs no drop, and says nothing.
    AsyncDropArc() noexcept = default;

    /// Shares the resource of a guard or box, which is left empty. If the allocation fails (std::bad_alloc),
    /// the resource stays where it was.
    explicit AsyncDropArc(AsyncDropBox<T> && box, CreationSite site = CreationSite::here())
        : block_(new Block(box)), site_(site) {}
    explicit AsyncDropArc(AsyncDropGuard<T> && guard,
                          CreationSite site = CreationSite::here()) requires(!std::is_abstract_v<T>)
        : block_(Block::from_guard(guard)), site_(site) {}

    /// Leaves `other` empty.
    AsyncDropArc(AsyncDropArc && other) noexcept {
        take(other);
    }

    /// Assigning over an Arc that still owns is a misuse.
    AsyncDropArc& operator=(AsyncDropArc&& other) noexcept {
        if (this == &other) return *this;
        if (block_) [[unlikely]] {
            detail::misuse("an Arc was assigned over an Arc that has not been dropped", type(), site_);
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
            detail::report_forgotten(ForgottenDrop{type(), {}, site_, forgotten_reason()});
            block_->forget_owner();
        }
    }

    /// One more owner of the same resource; `site` is what a report about it names.
    [[nodiscard]] AsyncDropArc clone(CreationSite site = CreationSite::here()) const noexcept {
        Block& shared = block();
        shared.add_owner();
        return AsyncDropArc(&shared, site);
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
    /// Errors: the cleanup's, for the last owner only; the resource is gone all the same. Only if the frame
    /// of the cleanup cannot be allocated (std::bad_alloc) does this Arc still own. On an empty or dropped
    /// Arc: success, nothing happens. Cancellation: shielded once it has started; see even_if_cancelled.hpp
    /// for how to start it.
    [[nodiscard("async_drop does nothing until it is awaited")]] asio::awaitable<void> async_drop()& {
        return drop(*this, Ticket(*this), false, true);
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

    /// The same, but an owner that is not the last one waits too: returns when the resource is closed, with
    /// the cleanup's error. Waits for ever if its caller is itself responsible for another clone.
    [[nodiscard("async_drop does nothing until it is awaited")]] asio::awaitable<void>
    async_drop_and_wait()& {
        return drop(*this, Ticket(*this), true, true);
    }
    asio::awaitable<void> async_drop_and_wait()&& = delete;

    /// The resource itself, if this is the only owner and nobody waits in async_drop_and_wait: then the Arc
    /// is left empty and the box carries the duty. Otherwise nothing changes.
    [[nodiscard]] std::optional<AsyncDropBox<T>> into_inner() {
        block();
        if (!block_->is_sole_reference()) return std::nullopt;
        std::optional<AsyncDropBox<T>> box(std::move(block_->box()));
        std::exchange(block_, nullptr)->release_reference();
        return box;
    }

    /// Whether this handle has given its share back.
    bool is_dropped() const noexcept {
        return dropped_;
    }
    explicit operator bool() const noexcept {
        return block_ != nullptr;
    }

    /// How many owners there are; zero for an empty Arc. Others may change it at any moment.
    std::size_t strong_count() const noexcept {
        return block_ ? block_->owners() : 0;
    }

    /// Whether both own the same resource.
    friend bool ptr_eq(const AsyncDropArc& a, const AsyncDropArc& b) noexcept {
        return a.block_ == b.block_;
    }

    T* operator->() const& noexcept {
        return block().value();
    }
    T* operator->() const&& = delete;
    T& operator*() const& noexcept {
        return *block().value();
    }
    T& operator*() const&& = delete;

    void swap(AsyncDropArc & other) noexcept {
        std::swap(block_, other.block_);
        std::swap(site_, other.site_);
        std::swap(dropped_, other.dropped_);
        std::swap(refused_, other.refused_);
    }
    friend void swap(AsyncDropArc & a, AsyncDropArc & b) noexcept {
        a.swap(b);
    }

    /// Where this handle was made, for messages.
    CreationSite creation_site() const noexcept {
        return site_;
    }

    /// The name of the resource's type, for messages.
    std::string_view resource_name() const noexcept {
        return block_ ? block_->box().resource_name() : detail::type_name<T>();
    }

  private:
    friend struct detail::CoreAccess;
    using Block = detail::ArcBlock<T>;

    // Learns in the drop's frame whether Asio refused to start it; see detail::DropTicket.
    class Ticket {
      public:
        explicit Ticket(AsyncDropArc& arc) noexcept : arc_(&arc), exceptions_(std::uncaught_exceptions()) {}
        Ticket(Ticket&& other) noexcept
            : arc_(std::exchange(other.arc_, nullptr)), exceptions_(other.exceptions_) {}
        Ticket& operator=(Ticket&&) = delete;
        ~Ticket() {
            if (arc_ && std::uncaught_exceptions() > exceptions_) arc_->refused_ = true;
        }
        void started() noexcept { arc_ = nullptr; }

      private:
        AsyncDropArc* arc_;
        int exceptions_;
    };

    AsyncDropArc(Block * block, CreationSite site) noexcept : block_(block), site_(site) {}

    static asio::awaitable<void> drop(AsyncDropArc & self, Ticket ticket, bool wait, bool shielded) {
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
                co_return;
            }
        }
        if (self.block_ != nullptr) {
            Block& block = *self.block_;
            asio::awaitable<void> cleanup =
                shielded ? block.box().async_drop() : detail::CoreAccess::drop_unshielded(block.box());
            block.release_owner();
            self.forget_block();
            typename Block::Cleaner cleaner(block);
            std::exception_ptr error;
            if (shielded) co_await asio::this_coro::throw_if_cancelled(false);
            try {
                co_await std::move(cleanup);
            } catch (...) {
                error = std::current_exception();
            }
            cleaner.done(error);
            if (error) std::rethrow_exception(error);
        }
        co_await asio::this_coro::throw_if_cancelled(true);
    }

    static asio::awaitable<void> wait_closed(typename Block::Reference reference) {
        detail::Completion& completed = reference->completed();
        asio::awaitable<void> completion = completed.wait(&completed);
        asio::awaitable<void> shielded = detail::shielded(std::move(completion));
        co_await std::move(shielded);
        if (const std::exception_ptr error = completed.error()) std::rethrow_exception(error);
    }

    static constexpr std::string_view type() noexcept {
        return detail::type_name<AsyncDropArc<T>>();
    }

    Block& block() const noexcept {
        if (!block_) [[unlikely]] {
            detail::misuse(dropped_ ? "an Arc was used after its async_drop" : "an empty Arc was used",
                           type(), site_);
        }
        return *block_;
    }

    ForgottenReason forgotten_reason() const noexcept {
        if (detail::contexts_in_destruction > 0) return ForgottenReason::context_destroyed;
        if (refused_) return ForgottenReason::refused_by_cancellation;
        if (std::uncaught_exceptions() > 0) return ForgottenReason::unwinding;
        if (block_->born_in_context() && !detail::inside_running_context()) return ForgottenReason::unknown;
        return ForgottenReason::forgotten;
    }

    void take(AsyncDropArc & other) noexcept {
        block_ = std::exchange(other.block_, nullptr);
        site_ = other.site_;
        dropped_ = std::exchange(other.dropped_, false);
        refused_ = std::exchange(other.refused_, false);
    }

    // async_drop() whose cleanup the caller may cancel.
    asio::awaitable<void> drop_unshielded() {
        return drop(*this, Ticket(*this), false, false);
    }

    // For a holder that has made the report about it.
    void forget_unreported() noexcept {
        if (block_) std::exchange(block_, nullptr)->forget_owner();
    }

    void forget_block() noexcept {
        block_ = nullptr;
        dropped_ = true;
    }

    Block* block_ = nullptr;
    CreationSite site_;
    bool dropped_ = false;
    bool refused_ = false;
};

}  // namespace asyncdrop
