// The registry of live guards: a debugging aid that is switched on at run time.
//
//     asyncdrop::set_guard_registry(true);
//     ...
//     std::fputs(asyncdrop::live_guards_text().c_str(), stderr);   // what is not dropped yet, and since when
//
// It lists every guard, box and cleanup callback of a stack that holds a live resource, and that was made
// after it was switched on. It is a table beside the guards: their size and layout are the same with and
// without it. Switched on, making, moving and dropping a guard costs a lock and a table entry each; an entry
// for which there is no memory is left out.
//
// Threads: everything here may be called from any thread at any time.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <chrono>
#include <concepts>
#include <string>
#include <utility>
#include <vector>

namespace asyncdrop {

/// A guard with a live resource, as it was when the list was made.
struct LiveGuard {
    std::string type;                         ///< the type of the resource
    std::string name;                         ///< given by name_live_guard, else empty
    CreationSite site;                        ///< where the resource was made
    std::chrono::steady_clock::duration age;  ///< the time since it was made
    bool dropping = false;                    ///< its cleanup has begun
};

namespace detail {

// name_live_guard() by a guard's core.
bool name_live_core(const GuardCore& core, std::string name);

}  // namespace detail

/// Switches the registry on or off; off, it forgets everything.
void set_guard_registry(bool on);

/// Gives the resource of a guard or box a name in the list, which moves with it. False: it is not listed.
template <class Guard>
    requires requires(Guard& guard) {
        { detail::CoreAccess::core(guard) } -> std::same_as<detail::GuardCore&>;
    }
bool name_live_guard(Guard& guard, std::string name) {
    return detail::name_live_core(detail::CoreAccess::core(guard), std::move(name));
}

/// All listed guards, the oldest first.
[[nodiscard]] std::vector<LiveGuard> live_guards();

/// The same as text, one line each: `File "journal", 5.0 s, created at main.cpp:12, dropping`.
[[nodiscard]] std::string live_guards_text();

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/registry.ipp>
#endif
