// Where a password comes from: a file, the output of a command, the terminal with echo off, or standard
// input. Or what takes its place, a key file.
#pragma once

#include <optional>
#include <string>

#include "demofs/crypto/key_slots.hpp"

namespace demofs::app {

enum class Prompt { once, twice };  // twice: a new password has to be repeated

/// What the user has chosen; at most one of them.
struct PasswordSource {
    std::optional<std::string> file;     ///< "-": standard input
    std::optional<std::string> command;  ///< for the shell; its standard output is read
    std::optional<std::string> key_file;

    bool chosen() const { return file || command || key_file; }
};

/// What opens a vault, or is to open it.
///
/// Reads from `source` if one is chosen, else from the terminal, which is asked for `what` ("Password"), else
/// (no terminal) from standard input. One line; its line end is not part of it. A new password that is typed
/// gets a hint if it is weak (password_strength.hpp), before it is repeated. Throws Failure if it is empty,
/// too long (1024 bytes), the repetition differs, it cannot be read, or the command fails; for a key file,
/// what key_file_secret() throws.
crypto::Credential read_credential(const PasswordSource& source, Prompt prompt,
                                   const std::string& what = "Password");

}  // namespace demofs::app
