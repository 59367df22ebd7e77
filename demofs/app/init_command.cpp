// `demofs init`: makes a vault that is complete (its first commit is durable) or nothing at all.
#include <unistd.h>

#include <asyncdrop/install.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include "demofs/app/commands.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/key_slot_text.hpp"
#include "demofs/app/password.hpp"
#include "demofs/app/user_messages.hpp"
#include "demofs/app/vault.hpp"
#include "demofs/app/vault_stack.hpp"
#include "demofs/base/error.hpp"
#include "demofs/crypto/aead.hpp"
#include "demofs/fs/filesystem.hpp"
#include "demofs/store/file_descriptor.hpp"
#include "demofs/store/vault_config_file.hpp"

namespace demofs::app {

namespace files = std::filesystem;

namespace {

// Before anybody types a password: whether there can be a vault.
void check_directory(const std::string& vault) {
    std::error_code error;
    if (!files::exists(vault, error)) {
        files::path parent = files::absolute(vault).lexically_normal();
        parent = parent.has_filename() ? parent.parent_path() : parent.parent_path().parent_path();
        if (::access(parent.c_str(), W_OK | X_OK) == 0) return;
        throw Failure(exit_failure, "the directory " + vault +
                                        " cannot be made: " + std::generic_category().message(errno));
    }
    if (!files::is_directory(vault)) throw Failure(exit_failure, vault + " exists and is not a directory");
    if (store::has_vault_config(vault))
        throw Failure(exit_failure, vault + " is a vault already; nothing was changed");
    if (!files::is_empty(vault, error) || error)
        throw Failure(exit_failure, vault + " is not empty; choose a new or an empty directory");
}

// Makes the directory and returns true, or takes an empty one.
bool prepare_directory(const std::string& vault) {
    check_directory(vault);
    std::error_code error;
    if (files::exists(vault, error)) return false;
    if (!files::create_directory(vault, error)) {
        if (!error) error = std::make_error_code(std::errc::file_exists);  // somebody was faster
        throw Failure(exit_failure, "the directory " + vault + " cannot be made: " + error.message());
    }
    files::permissions(vault, files::perms::owner_all, error);
    return true;
}

// The first commit: an empty root directory that belongs to whoever made the vault.
boost::asio::awaitable<void> commit_root(VaultStack& stack) {
    return fs::Filesystem::format(stack.tree(), ::geteuid(), ::getegid());
}

// Until it is told to keep it, takes a directory that this init has made away again, so that init can be
// repeated. A directory that was there before, or that has become somebody else's vault, is left as it is.
class Unfinished {
  public:
    Unfinished(std::string directory, bool made) : directory_(std::move(directory)), kept_(!made) {}
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;
    ~Unfinished() {
        std::error_code ignored;
        if (!kept_ && !store::has_vault_config(directory_)) files::remove_all(directory_, ignored);
    }
    void keep() { kept_ = true; }

  private:
    std::string directory_;
    bool kept_;
};

}  // namespace

int run_init(const InitSettings& settings) {
    if (settings.vault.empty()) throw Failure(exit_usage, "the vault needs a name");
    check_directory(settings.vault);
    crypto::Credential credential = read_credential(settings.password, Prompt::twice);
    const bool made = prepare_directory(settings.vault);
    const std::string directory = vault_directory(settings.vault);
    Unfinished unfinished(directory, made);
    const ChosenKey chosen = new_key(std::move(credential), "", settings.cost);
    crypto::NewVault vault = crypto::create(chosen.key, *crypto::cipher_from_name(settings.cipher));
    std::optional<ChosenKey> recovery;
    if (settings.recovery_key) {
        recovery = new_key(new_recovery_key(), "", settings.cost);
        crypto::add_slot(vault.config, vault.master, recovery->key);
    }
    const crypto::VaultKeys keys(vault.master, vault.config.vault_id, vault.config.cipher);
    const Notice notice = say_notice;

    boost::asio::io_context context(1);
    asyncdrop::install(context);
    VaultStack stack(context.get_executor(), directory, keys, notice);
    std::exception_ptr failed;
    boost::asio::co_spawn(context, stack.use(Access::create, commit_root),
                          [&failed](const std::exception_ptr& error) { failed = error; });
    context.run();
    if (has_code(failed, Errc::vault_in_use)) unfinished.keep();  // another init is at work there
    if (failed)
        throw Failure(exit_code_of(failed),
                      "the vault " + settings.vault + " could not be made: " + describe(failed));
    // The configuration comes last: only with it the directory is a vault, and then it is a whole one.
    store::create_vault_config(directory, crypto::to_json(vault.config));
    store::sync_directory(files::path(directory).parent_path());
    unfinished.keep();

    std::cout << "The vault " << settings.vault << " is ready. Mount it with: demofs mount " << settings.vault
              << " DIR\n"
              << "Its " << slot_text(vault.config.slots.front()) << ": " << chosen.cost << "." << std::endl;
    if (recovery) {
        show_recovery_key(recovery->key.credential.secret);
    } else {
        std::cout
            << "If it is lost, nobody can open the vault; this makes a key for that day: demofs key add "
            << settings.vault << " --recovery-key" << std::endl;
    }
    return exit_ok;
}

}  // namespace demofs::app
