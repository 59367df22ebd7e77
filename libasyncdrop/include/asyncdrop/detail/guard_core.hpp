// The core of a handle that owns its resource alone (a guard, a box, a cleanup callback of a stack): a
// HandleCore whose life is told to the registry, if that is switched on. And the back door to it for the
// library's own holders of guards.
//
// Threads: none of its own; a guard belongs to one strand.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/handle_core.hpp>
#include <asyncdrop/detail/registry_hooks.hpp>
#include <boost/asio/awaitable.hpp>
#include <string_view>

namespace asyncdrop::detail {

class GuardCore : public HandleCore {
  public:
    GuardCore() noexcept = default;

    // A core in state armed.
    GuardCore(CreationSite site, std::string_view type) noexcept { arm(site, type); }

    [[gnu::always_inline]] ~GuardCore() {
        if (holds_value()) [[unlikely]]
            note_gone();
    }

    // `type` is of static storage.
    [[gnu::always_inline]] void arm(CreationSite site, std::string_view type) noexcept {
        HandleCore::arm(site);
        if (const RegistryHooks* const hooks = registry()) [[unlikely]]
            hooks->born(this, type, site);
    }

    [[gnu::always_inline]] void take(GuardCore& other) noexcept {
        HandleCore::take(other);
        if (holds_value()) note_moved_from(other);
    }

    // For a resource that is handed over to a core that is armed already.
    void note_moved_from(const GuardCore& other) noexcept {
        if (const RegistryHooks* const hooks = registry()) [[unlikely]]
            hooks->moved(&other, this);
    }

    [[gnu::always_inline]] void begin_drop() noexcept {
        HandleCore::begin_drop();
        if (const RegistryHooks* const hooks = registry()) [[unlikely]]
            hooks->dropping(this);
    }
    [[gnu::always_inline]] void end_drop() noexcept {
        HandleCore::end_drop();
        note_gone();
    }
    void make_empty() noexcept {
        HandleCore::make_empty();
        note_gone();
    }

  private:
    [[gnu::always_inline]] void note_gone() const noexcept {
        if (const RegistryHooks* const hooks = registry()) [[unlikely]]
            hooks->gone(this);
    }
};

static_assert(sizeof(GuardCore) == sizeof(HandleCore));

template <bool shielded, class Outcome, class Operation>
boost::asio::awaitable<Outcome> run_drop(Operation operation);  // in run_drop.hpp

// Back door to the core of a guard or box, for the library's own holders of them.
struct CoreAccess {
    // A GuardCore, or the HandleCore of an Arc or a Shared.
    template <class Owner>
    static auto core(Owner& owner) noexcept -> decltype((owner.core_)) {
        return owner.core_;
    }

    // The Operation (run_drop.hpp) of a guard or box.
    template <class Owner>
        requires requires { typename Owner::Operation; }
    static auto operation(Owner& owner) noexcept {
        return typename Owner::Operation(owner);
    }

    // async_drop() of a guard or box whose cleanup the caller may cancel.
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

    // try_async_drop() of a box with an error type that its T need not know.
    template <class E, class Box>
    static auto try_drop(Box& box) {
        return box.template try_drop<E>();
    }

    // `from`, a box, as one of a To; `value` is the same resource.
    template <class To, class From>
    static To rebind(From& from, typename To::value_type* value) noexcept {
        To box;
        box.take(from, value);
        return box;
    }

    // Destroys the value of a box without its cleanup and without a report, which the caller has made.
    template <class Box>
    static void destroy_unreported(Box& box) noexcept {
        if (!box.core_.holds_value()) return;
        box.node_->destroy_value();
        box.core_.make_empty();
    }

    // What the owners of one resource have in common.
    template <class Arc>
    static const void* block(const Arc& arc) noexcept {
        return arc.block_;
    }

    // Gives the share of an Arc back without a drop and without a report, which the caller has made.
    template <class Arc>
    static void forget_unreported(Arc& arc) noexcept {
        arc.forget_unreported();
    }
};

}  // namespace asyncdrop::detail
