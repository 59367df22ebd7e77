// The part of a guard that does not depend on its T: state, creation site, checks, and the report when it
// dies armed. Two words, so that a guard is no bigger than its T and two words.
//
// States: empty (nothing inside, silent), armed (a live resource), dropping (its cleanup runs), dropped.
//   armed -> dropping -> dropped; armed -> empty by moving the resource away. Armed lasts until the cleanup
//   has really started, so a drop that is refused leaves the guard armed.
//
// What every guard goes through is inlined by force: g++ would rather call it from a coroutine, which costs a
// guard a tenth of its time.
//
// Threads: none of its own; a guard belongs to one strand.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/registry_hooks.hpp>
#include <asyncdrop/detail/uncaught.hpp>
#include <asyncdrop/forgotten.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/detail/call_stack.hpp>
#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <cstdint>
#include <exception>
#include <utility>

namespace asyncdrop::detail {

enum class DropState : std::uint8_t { empty, armed, dropping, dropped };

/// Greater than zero while an installed execution context destroys its handlers on this thread.
inline thread_local int contexts_in_destruction = 0;

/// Whether this thread is inside some execution context's run(). (What
/// thread_context::top_of_thread_call_stack() reads, which is no inline function where Asio is compiled
/// separately.)
inline bool inside_running_context() noexcept {
    using CallStack = boost::asio::detail::call_stack<boost::asio::detail::thread_context,
                                                      boost::asio::detail::thread_info_base>;
    return CallStack::top() != nullptr;
}

class GuardCore {
  public:
    GuardCore() noexcept = default;

    /// A core in state armed.
    GuardCore(CreationSite site, std::string_view type) noexcept { arm(site, type); }

    GuardCore(const GuardCore&) = delete;
    GuardCore& operator=(const GuardCore&) = delete;

    [[gnu::always_inline]] ~GuardCore() {
        if (pinned_) [[unlikely]] {
            misuse("a guard was destroyed while a teardown graph borrows it", "a resource", site());
        }
        if (holds_value()) [[unlikely]]
            note_gone();
    }

    DropState state() const noexcept { return state_; }
    bool armed() const noexcept { return state_ == DropState::armed; }
    bool holds_value() const noexcept { return state_ == DropState::armed || state_ == DropState::dropping; }
    CreationSite site() const noexcept { return CreationSite(file_, line_); }

    /// `type` is of static storage.
    [[gnu::always_inline]] void arm(CreationSite site, std::string_view type) noexcept {
        file_ = site.file();
        line_ = site.line();
        state_ = DropState::armed;
        note_birth();
        if (const RegistryHooks* const hooks = registry()) [[unlikely]]
            hooks->born(this, type, site);
    }

    /// Takes over the other's state and leaves it empty. The caller has checked that it is not dropping.
    [[gnu::always_inline]] void take(GuardCore& other) noexcept {
        file_ = other.file_;
        line_ = other.line_;
        state_ = std::exchange(other.state_, DropState::empty);
        refused_ = other.refused_;
        other.refused_ = false;
        note_birth();
        if (holds_value()) note_moved_from(other);
    }

    /// For a resource that is handed over to a core that is armed already.
    void note_moved_from(const GuardCore& other) noexcept {
        if (const RegistryHooks* const hooks = registry()) [[unlikely]]
            hooks->moved(&other, this);
    }

    /// refused_ stays as it is: it means something to an armed guard only, and to clear a bit so soon after
    /// the byte was written stalls the processor for as long as all the rest of a drop takes.
    [[gnu::always_inline]] void begin_drop() noexcept {
        state_ = DropState::dropping;
        if (const RegistryHooks* const hooks = registry()) [[unlikely]]
            hooks->dropping(this);
    }
    [[gnu::always_inline]] void end_drop() noexcept {
        state_ = DropState::dropped;
        note_gone();
    }
    void make_empty() noexcept {
        state_ = DropState::empty;
        note_gone();
    }
    void note_refused() noexcept { refused_ = true; }

    /// A pinned guard is known elsewhere by its address (a borrowed node of a TeardownGraph): to move or
    /// destroy it is a misuse.
    void pin() noexcept { pinned_ = true; }
    void unpin() noexcept { pinned_ = false; }

    /// True if there is something to drop; false after a drop and for an empty guard.
    [[gnu::always_inline]] bool wants_drop(std::string_view type) const noexcept {
        if (state_ == DropState::dropping) [[unlikely]] {
            misuse("async_drop was called while another async_drop of the same guard is running", type,
                   site());
        }
        return state_ == DropState::armed;
    }

    void check_usable(std::string_view type) const noexcept {
        if (state_ != DropState::armed) [[unlikely]]
            fail_use(type);
    }

    void check_movable(std::string_view type) const noexcept {
        if (state_ == DropState::dropping) [[unlikely]] {
            misuse("a guard was moved while its async_drop is running", type, site());
        }
        if (pinned_) [[unlikely]] {
            misuse("a guard was moved while a teardown graph borrows it", type, site());
        }
    }

    void check_overwritable(std::string_view type) const noexcept {
        if (holds_value()) [[unlikely]] {
            misuse("a guard was assigned over a guard that has not been dropped", type, site());
        }
    }

    /// Called by the destructor of a guard that still holds a value.
    void report(std::string_view type, std::string_view name = {}) const noexcept {
        report_forgotten(ForgottenDrop{type, name, site(), reason()});
    }

    ForgottenReason reason() const noexcept {
        if (state_ == DropState::dropping) return ForgottenReason::cleanup_abandoned;
        if (contexts_in_destruction > 0) return ForgottenReason::context_destroyed;
        if (refused_) return ForgottenReason::refused_by_cancellation;
        if (uncaught_exceptions() > exceptions_at_birth_) return ForgottenReason::unwinding;
        if (born_in_context_ && !inside_running_context()) return ForgottenReason::unknown;
        return ForgottenReason::forgotten;
    }

  private:
    [[gnu::always_inline]] void note_birth() noexcept {
        exceptions_at_birth_ = static_cast<std::uint8_t>(uncaught_exceptions());
        born_in_context_ = inside_running_context();
    }

    [[gnu::always_inline]] void note_gone() const noexcept {
        if (const RegistryHooks* const hooks = registry()) [[unlikely]]
            hooks->gone(this);
    }

    [[noreturn]] void fail_use(std::string_view type) const noexcept {
        switch (state_) {
            case DropState::dropping:
                misuse("a guard was dereferenced while its async_drop is running", type, site());
            case DropState::dropped:
                misuse("a guard was dereferenced after its async_drop", type, site());
            default:
                misuse("an empty guard was dereferenced", type, site());
        }
    }

    const char* file_ = "<unknown>";
    std::uint32_t line_ = 0;
    DropState state_ = DropState::empty;
    bool refused_ : 1 = false;
    bool born_in_context_ : 1 = false;
    bool pinned_ : 1 = false;
    std::uint8_t exceptions_at_birth_ = 0;
};

static_assert(sizeof(GuardCore) <= 2 * sizeof(void*));

template <bool shielded, class Outcome, class Operation>
boost::asio::awaitable<Outcome> run_drop(Operation operation);  // in run_drop.hpp

/// Back door to the core of a guard or box, for the library's own holders of them.
struct CoreAccess {
    template <class Owner>
    static GuardCore& core(Owner& owner) noexcept {
        return owner.core_;
    }

    /// The Operation (run_drop.hpp) of a guard or box.
    template <class Owner>
        requires requires { typename Owner::Operation; }
    static auto operation(Owner& owner) noexcept {
        return typename Owner::Operation(owner);
    }

    /// async_drop() of a guard or box whose cleanup the caller may cancel.
    template <class Owner>
        requires requires { typename Owner::Operation; }
    static boost::asio::awaitable<void> drop_unshielded(Owner& owner) {
        return run_drop<false, void>(typename Owner::Operation(owner));
    }
    template <class Arc>
        requires requires(Arc& arc) { arc.drop_unshielded(); }
    static boost::asio::awaitable<void> drop_unshielded(Arc& arc) {
        return arc.drop_unshielded();
    }

    /// try_async_drop() of a box with an error type that its T need not know.
    template <class E, class Box>
    static auto try_drop(Box& box) {
        return box.template try_drop<E>();
    }

    /// `from`, a box, as one of a To; `value` is the same resource.
    template <class To, class From>
    static To rebind(From& from, typename To::value_type* value) noexcept {
        To box;
        box.take(from, value);
        return box;
    }

    /// Destroys the value of a box without its cleanup and without a report, which the caller has made.
    template <class Box>
    static void destroy_unreported(Box& box) noexcept {
        if (!box.core_.holds_value()) return;
        box.node_->destroy_value();
        box.core_.make_empty();
    }

    /// What the owners of one resource have in common.
    template <class Arc>
    static const void* block(const Arc& arc) noexcept {
        return arc.block_;
    }

    /// Gives the share of an Arc back without a drop and without a report, which the caller has made.
    template <class Arc>
    static void forget_unreported(Arc& arc) noexcept {
        arc.forget_unreported();
    }
};

/// Lives in the frame of a drop coroutine and learns whether Asio refused to start it: then the frame is
/// destroyed by the exception that says so. (An awaitable that nobody awaits dies without an exception.)
class DropTicket {
  public:
    explicit DropTicket(GuardCore& core) noexcept
        : core_(&core), exceptions_at_birth_(uncaught_exceptions()) {}
    DropTicket(DropTicket&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)), exceptions_at_birth_(other.exceptions_at_birth_) {}
    DropTicket& operator=(DropTicket&&) = delete;
    [[gnu::always_inline]] ~DropTicket() {
        if (core_ && uncaught_exceptions() > exceptions_at_birth_) core_->note_refused();
    }

    void started() noexcept { core_ = nullptr; }

  private:
    GuardCore* core_;
    int exceptions_at_birth_;
};

}  // namespace asyncdrop::detail
