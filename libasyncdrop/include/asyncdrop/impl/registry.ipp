// The table behind the registry; see registry.hpp.
#pragma once

#include <algorithm>
#include <asyncdrop/detail/registry_hooks.hpp>
#include <asyncdrop/detail/teardown_text.hpp>
#include <asyncdrop/registry.hpp>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace asyncdrop {

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

ASYNCDROP_DECL bool name_live_core(const GuardCore& core, std::string name) {
    return GuardRegistry::instance().name(&core, std::move(name));
}

}  // namespace detail

ASYNCDROP_DECL void set_guard_registry(bool on) {
    detail::GuardRegistry::instance().set(on);
}

ASYNCDROP_DECL std::vector<LiveGuard> live_guards() {
    return detail::GuardRegistry::instance().list();
}

ASYNCDROP_DECL std::string live_guards_text() {
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
