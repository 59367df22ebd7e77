// A new way into a vault: what it costs to guess at, and a recovery key on the terminal.
//
// Threads: plain functions; new_key() blocks for about two seconds.
#pragma once

#include <string>

#include "demofs/crypto/key_slots.hpp"

namespace demofs::app {

struct KeyCost {
    double seconds = 1;  ///< that opening takes on this machine
    bool weak = false;   ///< for tests
};

struct ChosenKey {
    crypto::NewKey key;
    std::string cost;  ///< for the user, without a full stop
};

/// Chooses how expensive the slot of this credential is: a password's and a key file's by
/// crypto::calibrate_kdf, a recovery key's cheap, since it is random.
ChosenKey new_key(crypto::Credential credential, const std::string& name, const KeyCost& cost);

/// A credential that nobody has seen yet.
crypto::Credential new_recovery_key();

/// Prints the words in a line of their own. Throws Failure if standard output does not take them.
void show_recovery_key(const crypto::SecretBytes& key);

}  // namespace demofs::app
