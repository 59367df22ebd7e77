// Names and errors of the output: which names may be asked for, and what is no reason to end a salvage.
//
// Threads: plain functions.
#pragma once

#include <exception>
#include <string>

namespace demofs::fs {

/// Whether a name may be asked for at all: it would stay in its directory.
[[nodiscard]] bool is_usable_name(const std::string& name);

/// Whether an error of the output is about one name, and no reason to end.
[[nodiscard]] bool is_about_name(const std::exception_ptr& error);

/// Whether it is that the output's files cannot be as large.
[[nodiscard]] bool is_about_size(const std::exception_ptr& error);

/// The path of a name; `directory` is empty for the output's own folder.
[[nodiscard]] std::string joined(const std::string& directory, const std::string& name);

/// What to say of something that is not at its path, because that cannot be used.
[[nodiscard]] std::string unusable(const std::string& path);

}  // namespace demofs::fs
