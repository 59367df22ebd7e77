// Somebody that a drop waits for: a task inside a scope, a request inside a gate, a key of a shared map.
//
// Threads: a plain value.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <chrono>
#include <string>

namespace asyncdrop {

/// Somebody that a drop waits for, as it was when the list was made.
struct Occupant {
    std::string name;                         ///< given by whoever came in; may be empty
    CreationSite site;                        ///< where it came in
    std::chrono::steady_clock::duration age;  ///< the time since it came in
};

}  // namespace asyncdrop
