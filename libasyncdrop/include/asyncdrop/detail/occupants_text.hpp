// Who is inside, as text for people.
//
// Threads: pure functions; what they return may be called from any thread at any time.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/occupant.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace asyncdrop::detail {

// "2 inside: ping (5.0 s, since main.cpp:12), pong (1.2 s, since main.cpp:13)"; empty if there is nobody.
// Names the oldest few only.
std::string occupants_text(const std::vector<Occupant>& occupants);

// That text about a state with occupants(), as long as it exists; for a TeardownGraph's sentences.
template <class State>
std::function<std::string()> progress_of(const std::shared_ptr<State>& state) {
    return [known = std::weak_ptr<State>(state)] {
        const auto alive = known.lock();
        return alive ? occupants_text(alive->occupants()) : std::string();
    };
}

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/occupants_text.ipp>
#endif
