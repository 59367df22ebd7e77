// Where a password comes from: a file, the output of a command, the terminal with echo off, or standard
// input.
#pragma once

#include <optional>
#include <string>

#include "demofs/crypto/secret.hpp"

namespace demofs::app {

enum class Prompt { once, twice };  // twice: a new password has to be repeated

/// What the user has chosen; at most one of them.
struct PasswordSource {
    std::optional<std::string> file;     ///< "-": standard input
    std::optional<std::string> command;  ///< for the shell; its standard output is read

    bool chosen() const { return file || command; }
};

/// A new password that is typed gets a hint if it is weak (password_strength.hpp), before it is repeated.
///
/// Reads from `source` if one is chosen, else from the terminal, else (no terminal) from standard input. One
/// line; its line end is not part of it. Throws Failure if it is empty, too long (1024 bytes), the repetition
/// differs, it cannot be read, or the command fails.
crypto::Password read_password(const PasswordSource& source, Prompt prompt);

}  // namespace demofs::app
