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

#include <algorithm>
#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/registry_hooks.hpp>
#include <asyncdrop/detail/teardown_text.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
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

class GuardRegistry {
  public:
    static GuardRegistry& instance() {
        // Guards in static storage may outlive all.
        static GuardRegistry* const registry = known_ = new GuardRegistry;
        return *registry;
    }

    void set(bool on) {
        const std::lock_guard lock(mutex_);
        on_ = on;
        if (!on) guards_.clear();
        registry_hooks.store(on ? &hooks : nullptr, std::memory_order_relaxed);
    }

    bool name(const void* guard, std::string name) {
        const std::lock_guard lock(mutex_);
        const auto found = guards_.find(guard);
        if (found == guards_.end()) return false;
        found->second.name = std::move(name);
        return true;
    }

    std::vector<LiveGuard> list() const {
        const std::lock_guard lock(mutex_);
        const Clock::time_point now = Clock::now();
        std::vector<const Entry*> entries;
        for (const auto& [guard, entry] : guards_) entries.push_back(&entry);
        std::sort(entries.begin(), entries.end(),
                  [](const Entry* a, const Entry* b) { return a->number < b->number; });
        std::vector<LiveGuard> guards;
        for (const Entry* entry : entries) {
            guards.push_back(LiveGuard{std::string(entry->type), entry->name, entry->site, now - entry->born,
                                       entry->dropping});
        }
        return guards;
    }

  private:
    using Clock = std::chrono::steady_clock;

    struct Entry {
        std::string_view type;  // of static storage
        std::string name;
        CreationSite site;
        Clock::time_point born;
        std::uint64_t number = 0;  // in the order of birth
        bool dropping = false;
    };

    static void born(const void* guard, std::string_view type, CreationSite site) noexcept {
        instance().change([&](GuardRegistry& self) {
            Entry& entry = self.guards_[guard];
            entry = Entry();
            entry.type = type;
            entry.site = site;
            entry.born = Clock::now();
            entry.number = ++self.births_;
        });
    }

    // The resource of `from` lives at `to` from now on; a type that `to` has already is the right one.
    static void moved(const void* from, const void* to) noexcept {
        instance().change([&](GuardRegistry& self) {
            const auto found = self.guards_.find(from);
            if (found == self.guards_.end()) {
                self.guards_.erase(to);
                return;
            }
            Entry entry = std::move(found->second);
            self.guards_.erase(found);
            Entry& place = self.guards_[to];
            if (!place.type.empty()) entry.type = place.type;
            place = std::move(entry);
        });
    }

    static void dropping(const void* guard) noexcept {
        instance().change([&](GuardRegistry& self) {
            const auto found = self.guards_.find(guard);
            if (found != self.guards_.end()) found->second.dropping = true;
        });
    }

    static void gone(const void* guard) noexcept {
        instance().change([&](GuardRegistry& self) { self.guards_.erase(guard); });
    }

    template <class Change>
    void change(Change change) noexcept {
        try {
            const std::lock_guard lock(mutex_);
            if (on_) change(*this);  // a hook may be late
        } catch (...) {              // no memory: this guard is not listed
        }
    }

    static constexpr RegistryHooks hooks{&born, &moved, &dropping, &gone};

    // For debuggers (asyncdrop-gdb.py), which cannot call instance() in a core file. They also read the members
    // below by their names.
    static inline GuardRegistry* known_ = nullptr;

    mutable std::mutex mutex_;
    std::unordered_map<const void*, Entry> guards_;
    std::uint64_t births_ = 0;
    bool on_ = false;
};

}  // namespace detail

/// Switches the registry on or off; off, it forgets everything.
inline void set_guard_registry(bool on) {
    detail::GuardRegistry::instance().set(on);
}

/// Gives the resource of a guard or box a name in the list, which moves with it. False: it is not listed.
template <class Guard>
    requires requires(Guard& guard) {
        { detail::CoreAccess::core(guard) } -> std::same_as<detail::GuardCore&>;
    }
bool name_live_guard(Guard& guard, std::string name) {
    return detail::GuardRegistry::instance().name(&detail::CoreAccess::core(guard), std::move(name));
}

/// All listed guards, the oldest first.
[[nodiscard]] inline std::vector<LiveGuard> live_guards() {
    return detail::GuardRegistry::instance().list();
}

/// The same as text, one line each: `File "journal", 5.0 s, created at main.cpp:12, dropping`.
[[nodiscard]] inline std::string live_guards_text() {
    std::string text;
    for (const LiveGuard& guard : live_guards()) {
        text += guard.type;
        if (!guard.name.empty()) text += " \"" + guard.name + "\"";
        text += ", " + detail::duration_text(guard.age) + ", created at " + detail::site_text(guard.site);
        text += guard.dropping ? ", dropping\n" : "\n";
    }
    return text;
}

}  // namespace asyncdrop
