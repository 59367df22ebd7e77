// Finding a vault and unlocking it, with the sentence that a user needs when that fails.
#include "demofs/app/vault.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <string_view>

#include "demofs/app/failure.hpp"
#include "demofs/base/invariant.hpp"
#include "demofs/store/file_descriptor.hpp"
#include "demofs/store/vault_config_file.hpp"

namespace demofs::app {

std::string vault_directory(const std::string& vault) {
    if (vault.empty()) throw Failure(exit_usage, "the vault needs a name");
    std::error_code error;
    const auto directory = std::filesystem::canonical(vault, error);
    if (error) {
        throw Failure(exit_not_a_vault, "there is no vault at " + vault + " (" + error.message() +
                                            "); make one with: demofs init " + vault);
    }
    return directory.string();
}

// The store's own lock, asked for with a shared one that is given back at once.
bool is_locked(const std::string& directory) {
    const store::FileDescriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return opened && ::flock(opened.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

crypto::VaultConfig read_config(const std::string& directory, const Notice& notice) {
    const auto check = [](std::string_view text) { static_cast<void>(crypto::from_json(text)); };
    const store::VaultConfigText found = store::read_vault_config(directory, check);
    if (found.notice) notice(*found.notice);
    return crypto::from_json(found.text);
}

void replace_config(const std::string& directory, const crypto::VaultConfig& before,
                    const crypto::VaultConfig& after) {
    const std::string text = crypto::to_json(after);
    invariant(crypto::from_json(text) == after, "What is written to demofs.json can be read again.");
    const store::FileDescriptor lock = store::lock_vault_config(directory);
    const Notice told_before = [](const std::string&) {};
    if (read_config(directory, told_before) != before) {
        throw Failure(exit_failure, "another command has changed the key slots of " + directory +
                                        " meanwhile; this one has changed nothing, so run it again");
    }
    store::replace_vault_config(directory, text);
}

void warn_of_unlocked_memory(const Notice& notice) {
    if (crypto::unlocked_secret_count() == 0) return;
    notice("keys could not be locked in memory and may reach the swap; raise the limit (ulimit -l)");
}

std::unique_ptr<crypto::VaultKeys> unlock(const crypto::VaultConfig& config,
                                          const crypto::Credential& credential, const Notice& notice) {
    const crypto::UnlockedVault unlocked = crypto::unlock(config, credential);
    auto keys = std::make_unique<crypto::VaultKeys>(unlocked.master, config.vault_id, config.cipher);
    warn_of_unlocked_memory(notice);
    return keys;
}

}  // namespace demofs::app
