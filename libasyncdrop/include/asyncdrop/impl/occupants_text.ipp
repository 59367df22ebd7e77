// Who is inside, as text; see detail/occupants_text.hpp.
#pragma once

#include <asyncdrop/detail/occupants_text.hpp>
#include <asyncdrop/detail/teardown_text.hpp>
#include <cstddef>

namespace asyncdrop::detail {

ASYNCDROP_DECL std::string occupants_text(const std::vector<Occupant>& occupants) {
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

}  // namespace asyncdrop::detail
