// The two files that hold a vault's configuration: demofs.json, and demofs.json.bak with the same text.
//
// Problem: without its key slots a vault is lost, and this small file is the one thing in a vault that is
// ever replaced. So there are two copies, each replaced as a whole (new file, fsync, rename, fsync of the
// directory), one after the other: after a crash at any moment at least one is whole, and so is one of them
// if the disk or a synchronisation tool ruins the other.
//
// This file knows nothing of what the text means: the caller says whether a copy can be used.
//
// demofs.json comes first, so after a crash in between it is the new one, and decides; until the next
// replacement the second copy is the old one, which every reader says.
//
// Threads: blocking functions without state, for start-up and changes of key slots; never on an executor
// thread. Processes that replace take lock_vault_config() before they read what they change; readers need no
// lock.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "demofs/store/file_descriptor.hpp"

namespace demofs::store {

inline constexpr std::string_view vault_config_name = "demofs.json";
inline constexpr std::string_view vault_config_backup_name = "demofs.json.bak";

struct VaultConfigText {
    std::string text;
    /// What the user should know: a copy is missing, unusable or different.
    std::optional<std::string> notice;
};

/// The text of the configuration: demofs.json, or the other copy if that one is missing or unusable.
///
/// `check` is called with a copy's text and throws Error if it is not usable. Errc::unsupported_format from
/// it is final (the other copy is not asked: it could be a leftover of an older version). Throws
/// Errc::not_a_vault naming the directory if there is neither copy (or no such directory), Errc::corrupt
/// naming both problems if no copy is usable, and the system's error naming the path if no copy is usable and
/// one cannot be read.
[[nodiscard]] VaultConfigText read_vault_config(const std::filesystem::path& vault,
                                                const std::function<void(std::string_view)>& check);

/// Whether the directory holds either copy; false if there is no such directory.
[[nodiscard]] bool has_vault_config(const std::filesystem::path& vault);

/// Writes both copies into a directory that holds neither yet. Throws std::errc::file_exists if it holds one.
/// Durability as for replace_vault_config.
void create_vault_config(const std::filesystem::path& vault, std::string_view text);

/// Waits until no other process replaces the configuration of this vault, and keeps others from it until the
/// result is closed or the process ends. Independent of the lock of a mount. Throws the system's error, or
/// Errc::not_a_vault if the vault has no objects directory.
[[nodiscard]] FileDescriptor lock_vault_config(const std::filesystem::path& vault);

/// Replaces both copies, demofs.json first; a copy that is there keeps its owner and mode. On return both are
/// durable, and nothing of the old text is left under any name. Throws the system's error naming the path;
/// then each copy has either its old or its new text, and a failure at demofs.json.bak means that demofs.json
/// is new already, which the sentence says.
void replace_vault_config(const std::filesystem::path& vault, std::string_view text);

}  // namespace demofs::store
