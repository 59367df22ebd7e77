// Times and places as text; see detail/teardown_text.hpp.
#pragma once

#include <asyncdrop/detail/teardown_text.hpp>
#include <cstdio>

namespace asyncdrop::detail {

ASYNCDROP_DECL std::string duration_text(std::chrono::steady_clock::duration duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    char text[32];
    if (seconds < 1.0) {
        std::snprintf(text, sizeof text, "%.1f ms", seconds * 1e3);
    } else {
        std::snprintf(text, sizeof text, "%.1f s", seconds);
    }
    return text;
}

ASYNCDROP_DECL std::string site_text(CreationSite site) {
    return std::string(site.file()) + ":" + std::to_string(site.line());
}

}  // namespace asyncdrop::detail
