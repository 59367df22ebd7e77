// Where a password comes from: a file, the terminal with echo off, or standard input.
#pragma once

#include <optional>
#include <string>

#include "demofs/crypto/secret.hpp"

namespace demofs::app {

enum class Prompt { once, twice };  // twice: a new password has to be repeated

/// Reads from `file` if given ("-" is standard input), else from the terminal, else (no terminal) from
/// standard input. One line; its line end is not part of it. Throws Failure if it is empty, too long (1024
/// bytes), the repetition differs, or it cannot be read.
crypto::Password read_password(const std::optional<std::string>& file, Prompt prompt);

}  // namespace demofs::app
