// Who is inside, as text for people.
//
// Threads: pure functions; what they return may be called from any thread at any time.
#pragma once

#include <asyncdrop/detail/teardown_text.hpp>
#include <asyncdrop/occupant.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace asyncdrop::detail {

// "2 inside: ping (5.0 s, since main.cpp:12), pong (1.2 s, since main.cpp:13)"; empty if there is nobody.
// Names the oldest few only.
inline std::string occupants_text(const std::vector<Occupant>& occupants) {
    constexpr std::size_t named = 5;
    if (occupants.empty()) return {};
    std::string text = std::to_string(occupants.size()) + " inside";
    std::string separator = ": ";
    for (std::size_t i = 0; i < occupants.size() && i < named; ++i) {
        const Occupant& occupant = occupants[i];
        text += separator + occupant.name + (occupant.name.empty() ? "(" : " (") +
                duration_text(occupant.age) + ", since " + site_text(occupant.site) + ")";
        separator = ", ";
    }
    if (occupants.size() > named) text += ", and " + std::to_string(occupants.size() - named) + " more";
    return text;
}

// That text about a state with occupants(), as long as it exists; for a TeardownGraph's sentences.
template <class State>
std::function<std::string()> progress_of(const std::shared_ptr<State>& state) {
    return [known = std::weak_ptr<State>(state)] {
        const auto alive = known.lock();
        return alive ? occupants_text(alive->occupants()) : std::string();
    };
}

}  // namespace asyncdrop::detail
