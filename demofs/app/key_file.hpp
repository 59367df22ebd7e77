// A key file: any file whose content opens a vault in place of a password.
//
// Threads: a plain function that blocks.
#pragma once

#include <string>

#include "demofs/crypto/secret.hpp"

namespace demofs::app {

/// The secret of a key file's slot: the BLAKE2b hash (32 bytes) of the whole content. It need not be a
/// regular file. Throws Failure if it cannot be read, has less than 32 bytes or more than 64 MiB.
crypto::SecretBytes key_file_secret(const std::string& path);

}  // namespace demofs::app
