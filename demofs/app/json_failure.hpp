// What a command with --json prints if it fails: other programs read standard output, whatever happens.
#pragma once

#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>

#include "demofs/app/failure.hpp"

namespace demofs::app {

/// Runs `command`. With `json`, what it throws is printed as an object, {"code": 10, "error": sentence}, on standard
/// output, and thrown on; until then `command` must not have printed anything there.
template <class Command>
int failing_in_json(bool json, Command command) {
    try {
        return command();
    } catch (const std::exception& error) {
        const nlohmann::json said{{"code", static_cast<int>(exit_code_of(std::current_exception()))},
                                  {"error", error.what()}};
        if (json)
            std::cout << said.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
        throw;
    }
}

}  // namespace demofs::app
