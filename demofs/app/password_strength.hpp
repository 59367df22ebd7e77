// How easily a new password would be guessed, by somebody who tries words, names, dates and patterns first
// (zxcvbn). A hint: no password is refused.
//
// Threads: plain functions.
#pragma once

#include <string>

#include "demofs/crypto/secret.hpp"

namespace demofs::app {

/// A sentence if the password is weak, else nothing.
std::string strength_hint(const crypto::Password& password);

}  // namespace demofs::app
