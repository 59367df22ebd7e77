// `demofs key`: adds, removes, changes and lists what opens a vault. The vault itself is not touched, so all
// of it works beside a mount, whose daemon has the master key already. Whatever can be refused is refused
// before anybody types a password; demofs.json is written last, and a recovery key shown after that.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "demofs/app/commands.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/key_slot_text.hpp"
#include "demofs/app/new_key.hpp"
#include "demofs/app/user_messages.hpp"
#include "demofs/app/vault.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/time_text.hpp"

namespace demofs::app {

namespace {

constexpr const char* no_revocation =
    "Whoever has a copy of the old demofs.json and knows what opened this slot can still read the vault, "
    "also what is "
    "written from now on.";

void require(bool condition, const std::string& otherwise) {
    if (!condition) throw Failure(exit_usage, "key " + otherwise);
}

void check_words(const KeySettings& settings) {
    const std::string& action = settings.action;
    const bool makes_a_key = action == "add" || action == "change";
    require(action != "remove" || settings.slot, "remove needs the id of a key slot, which key list shows");
    require(action == "remove" || action == "change" || !settings.slot, action + " takes no key slot");
    require(makes_a_key || (!settings.new_key.chosen() && !settings.recovery_key),
            action + " makes no new key");
    require(makes_a_key || !settings.name, action + " takes no name");
    require(action == "list" || !settings.json, action + " prints no JSON; key list does");
    require(action != "list" || !settings.password.chosen(), "list needs no password");
    if (settings.name && !crypto::is_slot_name(*settings.name))
        throw Failure(exit_usage,
                      "the name of a key slot is at most 64 bytes of UTF-8 without control characters");
}

nlohmann::json json_of(const crypto::VaultConfig& config) {
    nlohmann::json slots = nlohmann::json::array();
    for (const crypto::KeySlot& slot : config.slots) {
        slots.push_back({{"id", slot.id},
                         {"type", crypto::name_of(slot.type())},
                         {"name", slot.description ? slot.description->name : ""},
                         {"created", utc_text(time_of(slot, config))},
                         {"passes", slot.kdf.ops},
                         {"memory_bytes", slot.kdf.memory_bytes},
                         {"known", true}});
    }
    for (const crypto::ForeignSlot& slot : config.foreign_slots)
        slots.push_back({{"id", slot.id}, {"type", slot.kind}, {"known", false}});
    return {{"key_slots", std::move(slots)}};
}

void line(const std::string& id, const std::string& type, const std::string& made, const std::string& cost,
          const std::string& name) {
    std::cout << std::left << std::setw(6) << id << std::setw(14) << type << std::setw(25) << made
              << std::setw(34) << cost << name << '\n';
}

void print(const crypto::VaultConfig& config) {
    line("slot", "opened by", "made", "cost of a guess", "name");
    for (const crypto::KeySlot& slot : config.slots) {
        line(std::to_string(slot.id), type_text(slot.type()), utc_text(time_of(slot, config)),
             cost_text(slot.kdf), slot.description ? slot.description->name : "");
    }
    for (const crypto::ForeignSlot& slot : config.foreign_slots)
        line(std::to_string(slot.id), slot.kind, "", "needs a newer demofs", "");
    std::cout.flush();
}

void require_writable_folder(const std::string& directory) {
    if (::access(directory.c_str(), W_OK | X_OK) == 0) return;
    throw Failure(exit_failure, "the key slots of " + directory +
                                    " cannot be changed: the folder cannot be written: " +
                                    std::generic_category().message(errno));
}

crypto::SlotType type_of_new_key(const KeySettings& settings) {
    if (settings.recovery_key) return crypto::SlotType::recovery_key;
    return settings.new_key.key_file ? crypto::SlotType::key_file : crypto::SlotType::password;
}

ChosenKey choose_new_key(const KeySettings& settings, const std::string& name) {
    crypto::Credential credential = settings.recovery_key
                                        ? new_recovery_key()
                                        : read_credential(settings.new_key, Prompt::twice, "New password");
    return new_key(std::move(credential), name, settings.cost);
}

// What was done to a slot that is new or has a new key.
void tell(const crypto::VaultConfig& config, std::uint32_t id, const std::string& done,
          const ChosenKey& chosen) {
    std::cout << "Key slot " << id << " (" << slot_text(*crypto::find_slot(config, id)) << ") " << done
              << ". " << chosen.cost << "." << std::endl;
    if (chosen.key.credential.type == crypto::SlotType::recovery_key)
        show_recovery_key(chosen.key.credential.secret);
}

// One change of the key slots.
class KeyChange {
  public:
    KeyChange(const KeySettings& settings, std::string directory, crypto::VaultConfig config,
              const Notice& notice)
        : settings_(settings),
          directory_(std::move(directory)),
          before_(std::move(config)),
          after_(before_),
          notice_(notice) {}

    void add() {
        crypto::require_free_slot(before_);
        const crypto::UnlockedVault unlocked = unlock_with("Present password", before_);
        const ChosenKey chosen = choose_new_key(settings_, settings_.name.value_or(""));
        const std::uint32_t id = crypto::add_slot(after_, unlocked.master, chosen.key);
        replace_config(directory_, before_, after_);
        tell(after_, id, "opens the vault, too", chosen);
    }

    // Without a slot it is the one that the present key opens. Then the new key has its kind: whoever uses a
    // recovery key in place of a forgotten password does not want to lose it.
    void change() {
        if (settings_.slot) static_cast<void>(known_slot(*settings_.slot));
        const crypto::UnlockedVault unlocked = unlock_with("Present password", before_);
        const std::uint32_t id = settings_.slot.value_or(unlocked.slot_id);
        const crypto::KeySlot& slot = known_slot(id);
        if (!settings_.slot && slot.type() != type_of_new_key(settings_)) {
            throw Failure(exit_usage,
                          "what was given opens key slot " + std::to_string(id) + ", a " +
                              type_text(slot.type()) + ", and is to be replaced by a " +
                              type_text(type_of_new_key(settings_)) +
                              "; if that is meant, or another slot, name it: demofs key change VAULT SLOT");
        }
        const std::string old_name = slot.description ? slot.description->name : "";
        const ChosenKey chosen = choose_new_key(settings_, settings_.name.value_or(old_name));
        crypto::replace_slot(after_, id, unlocked.master, chosen.key);
        replace_config(directory_, before_, after_);
        tell(after_, id, "has a new key, and its old one opens the vault no more", chosen);
        std::cout << no_revocation << std::endl;
    }

    void remove() {
        const std::uint32_t id = *settings_.slot;
        const crypto::KeySlot* const slot = crypto::find_slot(before_, id);
        const std::string what = slot ? slot_text(*slot) : "of a kind that this program does not know";
        crypto::remove_slot(after_, id);
        try {
            static_cast<void>(unlock_with("Password of a key slot that stays", after_));
        } catch (const Error& error) {
            if (error.code() != Errc::wrong_password) throw;
            throw Failure(exit_wrong_password, std::string(error.what()) + " (without key slot " +
                                                   std::to_string(id) + ", which was not removed)");
        }
        replace_config(directory_, before_, after_);
        std::cout << "Key slot " << id << " (" << what << ") was removed. " << no_revocation << std::endl;
    }

  private:
    crypto::UnlockedVault unlock_with(const std::string& question, const crypto::VaultConfig& config) const {
        crypto::UnlockedVault unlocked =
            crypto::unlock(config, read_credential(settings_.password, Prompt::once, question));
        warn_of_unlocked_memory(notice_);
        return unlocked;
    }

    const crypto::KeySlot& known_slot(std::uint32_t id) const {
        if (const crypto::KeySlot* const slot = crypto::find_slot(before_, id)) return *slot;
        throw Failure(exit_failure,
                      "there is no key slot " + std::to_string(id) + " that this program can change");
    }

    const KeySettings& settings_;
    std::string directory_;
    crypto::VaultConfig before_;
    crypto::VaultConfig after_;
    const Notice& notice_;
};

}  // namespace

int run_key(const KeySettings& settings) {
    check_words(settings);
    const Notice notice = say_notice;
    const std::string directory = vault_directory(settings.vault);
    crypto::VaultConfig config = read_config(directory, notice);
    if (settings.action == "list") {
        if (settings.json) {
            std::cout << json_of(config).dump(2) << std::endl;
        } else {
            print(config);
        }
        return exit_ok;
    }
    require_writable_folder(directory);
    KeyChange change(settings, directory, std::move(config), notice);
    if (settings.action == "add") change.add();
    if (settings.action == "change") change.change();
    if (settings.action == "remove") change.remove();
    return exit_ok;
}

}  // namespace demofs::app
