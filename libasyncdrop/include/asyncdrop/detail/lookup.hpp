// Lookup in a hash map by something else than its key type.
//
// Threads: compile-time only.
#pragma once

namespace asyncdrop::detail {

// Hash and Equal say that they work with other types than the key's.
template <class Hash, class Equal>
concept TransparentLookup = requires {
    typename Hash::is_transparent;
    typename Equal::is_transparent;
};

}  // namespace asyncdrop::detail
