// HKDF by OpenSSL, Argon2id by libsodium. Parameters of the latter may come from a file that an attacker
// wrote: they are checked before any memory or time is spent.
#include "demofs/crypto/kdf.hpp"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include "demofs/base/error.hpp"
#include "demofs/crypto/openssl_error.hpp"

namespace demofs::crypto {

namespace {

static_assert(kdf_min_ops >= crypto_pwhash_argon2id_OPSLIMIT_MIN);
static_assert(kdf_min_memory_bytes >= crypto_pwhash_argon2id_MEMLIMIT_MIN);
static_assert(kdf_salt_bytes == crypto_pwhash_argon2id_SALTBYTES);
static_assert(crypto_pwhash_ALG_ARGON2ID13 == crypto_pwhash_argon2id_ALG_ARGON2ID13);

using KdfContext = std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)>;

KdfContext new_hkdf() {
    // Fetched once and never freed, like the ciphers.
    static EVP_KDF* const hkdf = EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr);
    if (hkdf == nullptr) detail::throw_openssl_error("OpenSSL does not provide HKDF");
    KdfContext context(EVP_KDF_CTX_new(hkdf), &EVP_KDF_CTX_free);
    if (!context) throw std::bad_alloc();
    return context;
}

OSSL_PARAM octets(const char* name, ByteSpan bytes) {
    // OpenSSL refuses null even for no bytes at all, and does not write to what it is given here.
    static std::byte nothing{};
    void* data = bytes.empty() ? &nothing : const_cast<std::byte*>(bytes.data());
    return OSSL_PARAM_construct_octet_string(name, data, bytes.size());
}

}  // namespace

SecretBytes hkdf_sha256(ByteSpan key_material, ByteSpan salt, ByteSpan info, std::size_t size) {
    std::array<char, 7> digest{"SHA256"};
    const std::array parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        octets(OSSL_KDF_PARAM_KEY, key_material),
        octets(OSSL_KDF_PARAM_SALT, salt),
        octets(OSSL_KDF_PARAM_INFO, info),
        OSSL_PARAM_construct_end(),
    };
    const KdfContext context = new_hkdf();
    SecretBytes derived(size);
    auto* out = reinterpret_cast<unsigned char*>(derived.mutable_bytes().data());
    detail::check_openssl(EVP_KDF_derive(context.get(), out, size, parameters.data()), "cannot derive a key");
    return derived;
}

SecretBytes derive(const SecretBytes& master, std::string_view label, ByteSpan context, std::size_t size) {
    if (label.find('\0') != std::string_view::npos)
        throw std::logic_error("a key derivation label must not contain a zero byte");
    Bytes info;
    info.reserve(label.size() + 1 + context.size());
    const ByteSpan label_bytes = as_bytes(label);
    info.insert(info.end(), label_bytes.begin(), label_bytes.end());
    info.push_back(std::byte{0});
    info.insert(info.end(), context.begin(), context.end());
    return hkdf_sha256(master.bytes(), {}, info, size);
}

KdfParameters KdfParameters::for_random_secrets() noexcept {
    return {1, 1024 * 1024};
}

KdfParameters KdfParameters::weakest_for_tests() noexcept {
    return {kdf_min_ops, kdf_min_memory_bytes};
}

namespace {
void check_range(const char* name, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
    if (value >= least && value <= most) return;
    throw Error(std::errc::invalid_argument, std::string("the key derivation parameter ") + name + " is " +
                                                 std::to_string(value) + ", but must be between " +
                                                 std::to_string(least) + " and " + std::to_string(most));
}
}  // namespace

void check_kdf_parameters(const KdfParameters& parameters) {
    check_range("ops", parameters.ops, kdf_min_ops, kdf_max_ops);
    check_range("memory_bytes", parameters.memory_bytes, kdf_min_memory_bytes, kdf_max_memory_bytes);
}

SecretBytes derive_from_password(const Password& password, ByteSpan salt, const KdfParameters& parameters,
                                 std::size_t size) {
    check_kdf_parameters(parameters);
    if (salt.size() != kdf_salt_bytes) throw std::logic_error("a salt must have 16 bytes");
    if (size < crypto_pwhash_argon2id_BYTES_MIN) throw std::logic_error("Argon2id derives at least 16 bytes");
    ensure_sodium();
    SecretBytes derived(size);
    // libsodium fails on a null password even if it is empty.
    const char* text = password.empty() ? "" : reinterpret_cast<const char*>(password.bytes().data());
    const int result =
        crypto_pwhash(reinterpret_cast<unsigned char*>(derived.mutable_bytes().data()), size, text,
                      password.size(), reinterpret_cast<const unsigned char*>(salt.data()), parameters.ops,
                      parameters.memory_bytes, crypto_pwhash_ALG_ARGON2ID13);
    if (result != 0) {
        throw Error(std::errc::not_enough_memory, "the password's key slot needs " +
                                                      std::to_string(parameters.memory_bytes / 1024) +
                                                      " KiB of memory to open, which are not available");
    }
    return derived;
}

}  // namespace demofs::crypto
