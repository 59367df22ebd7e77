// What a handle of a resource (a guard, a box, an Arc, a Shared) knows about itself, whatever its resource:
// its state, its creation site, and why it died if it dies while it still owes a drop. Two words.
//
// States: empty (nothing inside, silent), armed (owes a drop), dropping (the cleanup has begun), running (the
// same,
//   and a DropRun knows of it), dropped. armed -> dropping -> running -> dropped; armed -> empty by moving
//   the duty away. Armed lasts until the cleanup has really started, so a drop that is refused leaves the
//   handle armed.
//
// Invariant: while it is running, the handle and the DropRun in the drop coroutine's frame know each other,
// and whoever dies first tells the other. So a handle that is destroyed under its own cleanup is told from
// one whose cleanup was destroyed before it.
//
// A handle is born where it is made and again where it is moved to: its death is unwinding if more exceptions
// are in flight than at its birth. So a handle in a destructor that runs during unwinding is no different
// from any other.
//
// What every guard goes through is inlined by force: g++ would rather call it from a coroutine, which costs a
// guard a tenth of its time.
//
// Threads: none of its own; a handle belongs to one strand.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/asio_internals.hpp>
#include <asyncdrop/detail/uncaught.hpp>
#include <asyncdrop/forgotten.hpp>
#include <cstdint>
#include <string_view>
#include <utility>

namespace asyncdrop::detail {

// Numbered so that one bit tells of each question that is asked on every guard's way: 3 holds a value, 2 is
// being dropped.
enum class DropState : std::uint8_t { empty = 0, armed = 1, dropping = 2, running = 3, dropped = 4 };

// Greater than zero while an installed execution context destroys its handlers on this thread.
inline thread_local int contexts_in_destruction = 0;

class HandleCore;

// Lives in the frame of a coroutine that awaits a handle's cleanup. Keeps what the handle's word for it held
// before.
class DropRun {
  public:
    DropRun() noexcept = default;
    DropRun(const DropRun&) = delete;
    DropRun& operator=(const DropRun&) = delete;
    ~DropRun() { end(); }

    inline void begin(HandleCore& core) noexcept;  // its state is dropping
    inline void end() noexcept;                    // its state is dropping again; nothing if it has not begun

  private:
    friend class HandleCore;
    HandleCore* core_ = nullptr;  // null: not begun, ended, or the handle is gone
    const char* file_ = nullptr;
};

class HandleCore {
  public:
    HandleCore() noexcept = default;
    HandleCore(const HandleCore&) = delete;
    HandleCore& operator=(const HandleCore&) = delete;

    [[gnu::always_inline]] ~HandleCore() {
        if (pinned()) [[unlikely]] {
            misuse("a guard was destroyed while a teardown graph borrows it", "a resource", site());
        }
    }

    DropState state() const noexcept { return state_; }
    bool armed() const noexcept { return state_ == DropState::armed; }
    bool dropping() const noexcept { return (static_cast<unsigned>(state_) & 2u) != 0; }
    bool holds_value() const noexcept { return (static_cast<unsigned>(state_) & 3u) != 0; }
    CreationSite site() const noexcept {
        return CreationSite(state_ == DropState::running ? run_->file_ : file_, line_);
    }

    [[gnu::always_inline]] void arm(CreationSite site) noexcept {
        file_ = site.file();
        line_ = site.line();
        state_ = DropState::armed;
        note_birth(0);
    }

    // Takes over the other's state and leaves it empty. The caller has checked that it may be moved.
    [[gnu::always_inline]] void take(HandleCore& other) noexcept {
        file_ = other.file_;
        line_ = other.line_;
        state_ = std::exchange(other.state_, DropState::empty);
        note_birth(other.flags_ & refused);
        other.flags_ = 0;
    }

    // `refused` stays as it is: it means something to an armed handle only, and to clear a bit so soon after
    // the byte was written stalls the processor for as long as all the rest of a drop takes.
    [[gnu::always_inline]] void begin_drop() noexcept { state_ = DropState::dropping; }
    [[gnu::always_inline]] void end_drop() noexcept { state_ = DropState::dropped; }
    void make_empty() noexcept { state_ = DropState::empty; }

    // A duty that was given away comes back: the drop could not be started.
    void rearm() noexcept { state_ = DropState::armed; }

    void note_refused() noexcept { flags_ |= refused; }

    // A pinned handle is known elsewhere by its address (a borrowed node of a TeardownGraph): to move or
    // destroy it is a misuse.
    bool pinned() const noexcept { return (flags_ & pinned_here) != 0; }
    void pin() noexcept { flags_ |= pinned_here; }
    void unpin() noexcept { flags_ &= static_cast<std::uint8_t>(~pinned_here); }

    // True if there is something to drop; false after a drop and for an empty handle.
    [[gnu::always_inline]] bool wants_drop(std::string_view type) const noexcept {
        if (armed()) [[likely]]
            return true;
        if (dropping()) {
            misuse("async_drop was called while another async_drop of the same guard is running", type,
                   site());
        }
        return false;
    }

    void check_usable(std::string_view type) const noexcept {
        if (state_ != DropState::armed) [[unlikely]]
            fail_use(type);
    }

    void check_movable(std::string_view type) const noexcept {
        if (dropping()) [[unlikely]] {
            misuse("a guard was moved while its async_drop is running", type, site());
        }
        if (pinned()) [[unlikely]] {
            misuse("a guard was moved while a teardown graph borrows it", type, site());
        }
    }

    void check_overwritable(std::string_view type) const noexcept {
        if (holds_value()) [[unlikely]] {
            misuse("a guard was assigned over a guard that has not been dropped", type, site());
        }
    }

    // Called by the destructor of a handle that still owes its drop. Where the cleanup is still there to go
    // on, with a resource that is gone, this is a misuse; but not where its context is gone, too, or may be.
    void report(std::string_view type, std::string_view name = {}) noexcept {
        if (state_ == DropState::running) {
            const bool context_may_live =
                contexts_in_destruction == 0 && (!born_inside() || inside_running_context());
            if (context_may_live)
                misuse("a guard was destroyed while its async_drop is running", type, site());
            run_->end();
        }
        report_forgotten(ForgottenDrop{type, name, site(), reason()});
    }

    ForgottenReason reason() const noexcept {
        if (dropping()) return ForgottenReason::cleanup_abandoned;
        if (contexts_in_destruction > 0) return ForgottenReason::context_destroyed;
        if ((flags_ & refused) != 0) return ForgottenReason::refused_by_cancellation;
        if (uncaught_exceptions() > exceptions_at_birth_) return ForgottenReason::unwinding;
        if (born_inside() && !inside_running_context()) return ForgottenReason::unknown;
        return ForgottenReason::forgotten;
    }

  private:
    friend class DropRun;

    // Flags; no bit fields, whose bytes would be read before they are written, so soon after a drop has written
    // one of them that the processor stalls.
    static constexpr std::uint8_t refused = 1;
    static constexpr std::uint8_t born_in_context = 2;
    static constexpr std::uint8_t pinned_here = 4;

    bool born_inside() const noexcept { return (flags_ & born_in_context) != 0; }

    [[gnu::always_inline]] void note_birth(unsigned inherited) noexcept {
        exceptions_at_birth_ = static_cast<std::uint8_t>(uncaught_exceptions());
        flags_ = static_cast<std::uint8_t>(inherited | (inside_running_context() ? born_in_context : 0u));
    }

    [[noreturn]] void fail_use(std::string_view type) const noexcept {
        switch (state_) {
            case DropState::dropping:
            case DropState::running:
                misuse("a guard was dereferenced while its async_drop is running", type, site());
            case DropState::dropped:
                misuse("a guard was dereferenced after its async_drop", type, site());
            default:
                misuse("an empty guard was dereferenced", type, site());
        }
    }

    union {
        const char* file_ = "<unknown>";
        DropRun* run_;  // while it is running
    };
    std::uint32_t line_ = 0;
    DropState state_ = DropState::empty;
    std::uint8_t flags_ = 0;
    std::uint8_t exceptions_at_birth_ = 0;
};

static_assert(sizeof(HandleCore) <= 2 * sizeof(void*));

[[gnu::always_inline]] inline void DropRun::begin(HandleCore& core) noexcept {
    core_ = &core;
    file_ = core.file_;
    core.run_ = this;
    core.state_ = DropState::running;
}

[[gnu::always_inline]] inline void DropRun::end() noexcept {
    if (core_ == nullptr) return;
    core_->file_ = file_;
    core_->state_ = DropState::dropping;
    core_ = nullptr;
}

// Lives in the frame of a drop coroutine and learns whether Asio refused to start it: then the frame is
// destroyed by the exception that says so. (An awaitable that nobody awaits dies without an exception.)
class DropTicket {
  public:
    explicit DropTicket(HandleCore& core) noexcept
        : core_(&core), exceptions_at_birth_(uncaught_exceptions()) {}
    DropTicket(DropTicket&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)), exceptions_at_birth_(other.exceptions_at_birth_) {}
    DropTicket& operator=(DropTicket&&) = delete;
    [[gnu::always_inline]] ~DropTicket() {
        if (core_ && uncaught_exceptions() > exceptions_at_birth_) core_->note_refused();
    }

    void started() noexcept { core_ = nullptr; }

  private:
    HandleCore* core_;
    int exceptions_at_birth_;
};

}  // namespace asyncdrop::detail
