// Times and places as text, for messages.
//
// Threads: pure functions.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <chrono>
#include <string>

namespace asyncdrop::detail {

// "12.3 ms" below a second, "5.0 s" above.
std::string duration_text(std::chrono::steady_clock::duration duration);

// "main.cpp:12".
std::string site_text(CreationSite site);

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/teardown_text.ipp>
#endif
