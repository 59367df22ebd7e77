// Where a guard tells of its life if somebody wants to know: one pointer, null unless registry.hpp's side
// table is switched on. So the table costs one relaxed load where it is off, and no byte in a guard.
//
// Threads: the pointer is atomic, what it points to constant; the hooks may be called from any thread.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <atomic>
#include <string_view>

namespace asyncdrop::detail {

// `guard` is the address of a GuardCore, which identifies a guard until it moves.
struct RegistryHooks {
    void (*born)(const void* guard, std::string_view type, CreationSite site) noexcept;
    void (*moved)(const void* from, const void* to) noexcept;
    void (*dropping)(const void* guard) noexcept;
    void (*gone)(const void* guard) noexcept;
};

inline std::atomic<const RegistryHooks*> registry_hooks{nullptr};

inline const RegistryHooks* registry() noexcept {
    return registry_hooks.load(std::memory_order_relaxed);
}

}  // namespace asyncdrop::detail
