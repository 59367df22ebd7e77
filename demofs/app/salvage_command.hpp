// `demofs salvage`, with the settings that its options fill: as in commands.hpp.
#pragma once

#include <optional>
#include <string>

#include "demofs/app/password.hpp"

namespace demofs::app {

struct SalvageCommandSettings {
    std::string vault;
    std::string output;  ///< a new or empty folder
    PasswordSource password;
    std::optional<std::string> history;  ///< of several, the one to take: as history_id() takes it
    bool json = false;                   ///< the report as JSON
};
int run_salvage(const SalvageCommandSettings& settings);

}  // namespace demofs::app
