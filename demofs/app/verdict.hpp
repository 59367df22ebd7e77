// What recovery's verdict means for a person and for programs: whether the vault may be used, what is said, and
// the exit code.
#pragma once

#include <string>
#include <string_view>

#include "demofs/app/exit_codes.hpp"
#include "demofs/tree/recovery.hpp"

namespace demofs::app {

/// The verdict as `check --json` and `info` print it.
[[nodiscard]] std::string_view name_of(tree::Verdict verdict);

/// Of a command that only looks at the vault.
[[nodiscard]] ExitCode exit_code_of(tree::Verdict verdict);

/// Throws Error, with a sentence that says what is lost and what can be done, if there is no state to show, or
/// (`to_write`) if that must not be written on. `directory` is the vault's, for the sentence.
void require_usable(const tree::Recovered& recovered, bool to_write, const std::string& directory);

/// The same for what is found when the tree is open.
void require_usable(const tree::Completeness& found);

}  // namespace demofs::app
