// Piece by piece through locked memory, so that nothing of the key stays elsewhere.
#include "demofs/app/key_file.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "demofs/app/failure.hpp"
#include "demofs/store/file_descriptor.hpp"

namespace demofs::app {

namespace {

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t least_bytes = 32;  // fewer could be guessed if they are random, and all the more if not
constexpr std::size_t most_bytes = std::size_t{64} << 20;
constexpr std::size_t piece_bytes = std::size_t{16} << 10;

unsigned char* out(crypto::SecretBytes& bytes) {
    return reinterpret_cast<unsigned char*>(bytes.mutable_bytes().data());
}

}  // namespace

crypto::SecretBytes key_file_secret(const std::string& path) {
    const store::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file)
        throw Failure(exit_failure, "the key file " + path + " cannot be opened: " + std::strerror(errno));
    crypto::ensure_sodium();
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, secret_bytes);
    crypto::SecretBytes piece(piece_bytes);
    std::size_t size = 0;
    for (;;) {
        const ssize_t count = ::read(file.get(), out(piece), piece_bytes);
        if (count == 0) break;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0)
            throw Failure(exit_failure, "the key file " + path + " cannot be read: " + std::strerror(errno));
        size += static_cast<std::size_t>(count);
        if (size > most_bytes) throw Failure(exit_failure, "the key file " + path + " has more than 64 MiB");
        crypto_generichash_update(&state, out(piece), static_cast<unsigned long long>(count));
    }
    if (size < least_bytes) {
        throw Failure(exit_failure,
                      "the key file " + path + " has only " + std::to_string(size) +
                          " bytes and needs at least 32; this makes one: head -c 64 /dev/urandom > FILE");
    }
    crypto::SecretBytes secret(secret_bytes);
    crypto_generichash_final(&state, out(secret), secret_bytes);
    sodium_memzero(&state, sizeof state);
    return secret;
}

}  // namespace demofs::app
