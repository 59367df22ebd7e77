#include "demofs/app/new_key.hpp"

#include <iostream>
#include <utility>

#include "demofs/app/amount_text.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/key_slot_text.hpp"
#include "demofs/crypto/kdf_calibration.hpp"
#include "demofs/crypto/recovery_key.hpp"

namespace demofs::app {

namespace {

std::string bounds_text() {
    const auto passes_over = [](const crypto::KdfParameters& kdf) {
        return cost_text(kdf).substr(std::string("Argon2id, ").size());
    };
    return "at least " + passes_over(crypto::kdf_floor) + ", at most " + passes_over(crypto::kdf_ceiling);
}

}  // namespace

ChosenKey new_key(crypto::Credential credential, const std::string& name, const KeyCost& cost) {
    if (cost.weak) {
        const auto weak = crypto::KdfParameters::weakest_for_tests();
        return {{std::move(credential), name, weak}, cost_text(weak) + ": for tests only"};
    }
    if (credential.type == crypto::SlotType::recovery_key) {
        const auto cheap = crypto::KdfParameters::for_random_secrets();
        return {{std::move(credential), name, cheap},
                cost_text(cheap) + ": the key is random, nobody can guess it"};
    }
    const crypto::CalibratedKdf kdf = crypto::calibrate_kdf(
        crypto::Seconds(cost.seconds), crypto::machine_memory_bytes(), crypto::measure_kdf);
    return {{std::move(credential), name, kdf.parameters},
            cost_text(kdf.parameters) + ": about " + decimal_text(kdf.expected.count(), "s") +
                " on this machine (" + bounds_text() + ")"};
}

crypto::Credential new_recovery_key() {
    return {crypto::SlotType::recovery_key, crypto::random_recovery_key()};
}

void show_recovery_key(const crypto::SecretBytes& key) {
    const crypto::SecretBytes words = crypto::recovery_key_text(key);
    std::cout << "Recovery key: " << as_text(words.bytes()) << "\n"
              << "Write its words down and keep them apart from the vault: they are typed in place of the "
                 "password, and are "
                 "not shown again."
              << std::endl;
    if (!std::cout)
        throw Failure(exit_failure,
                      "the recovery key could not be shown; remove its key slot and add another");
}

}  // namespace demofs::app
