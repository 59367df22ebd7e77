// The default sink; see teardown_settings.hpp.
#pragma once

#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/teardown_settings.hpp>

namespace asyncdrop {

ASYNCDROP_DECL TeardownSettings::TeardownSettings()
    : sink([](std::string_view sentence) { detail::print_notice(sentence); }) {}

}  // namespace asyncdrop
