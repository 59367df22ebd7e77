// Which label and which context each key is derived with: on-disk constants. Contexts have fixed sizes but
// for their last part, so no two different ones are the same bytes.
#include "demofs/crypto/keys.hpp"

#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include "demofs/base/codec.hpp"
#include "demofs/crypto/kdf.hpp"
#include "demofs/crypto/openssl_error.hpp"

namespace demofs::crypto {

namespace {

// On-disk constants: see the table in the header.
constexpr std::string_view segment_key_label = "demofs 1 segment key";
constexpr std::string_view header_key_label = "demofs 1 segment header key";
constexpr std::string_view name_key_label = "demofs 1 segment name key";
constexpr std::string_view directory_hash_key_label = "demofs 1 directory hash key";

static_assert(crypto_shorthash_KEYBYTES == 16 && crypto_shorthash_BYTES == 8);

using CipherCtx = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const EVP_CIPHER* aes_block_cipher() {
    // Fetched once and never freed, like the AEAD ciphers.
    static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
    if (cipher == nullptr) detail::throw_openssl_error("OpenSSL does not provide AES-256");
    return cipher;
}

// Fixed sizes first, the cipher's name last: no two (vault, id, cipher) have the same context.
Bytes key_context(const VaultId& vault_id, ByteSpan id, Cipher cipher) {
    if (id.size() != 16) throw std::logic_error("a segment's id and name must have 16 bytes");
    Encoder context;
    context.bytes(vault_id);
    context.bytes(id);
    context.bytes(as_bytes(cipher_name(cipher)));
    return std::move(context).take();
}

}  // namespace

MasterKey::MasterKey(SecretBytes bytes) : bytes_(std::move(bytes)) {
    if (bytes_.size() != master_key_bytes) throw std::logic_error("a master key must have 32 bytes");
}

MasterKey MasterKey::random() {
    return MasterKey(SecretBytes::random(master_key_bytes));
}

VaultKeys::VaultKeys(const MasterKey& master, const VaultId& vault_id, Cipher cipher)
    : master_(master.clone()),
      vault_id_(vault_id),
      cipher_(cipher),
      name_key_(derive(master.secret(), name_key_label, vault_id, 32)),
      directory_hash_key_(
          derive(master.secret(), directory_hash_key_label, vault_id, crypto_shorthash_KEYBYTES)) {}

AeadKey VaultKeys::segment_key(Cipher cipher, ByteSpan segment_id) const {
    const Bytes context = key_context(vault_id_, segment_id, cipher);
    return AeadKey(cipher, derive(master_.secret(), segment_key_label, context, aead_key_bytes).bytes());
}

AeadKey VaultKeys::header_key(ByteSpan name_plain) const {
    const Bytes context = key_context(vault_id_, name_plain, cipher_);
    return AeadKey(cipher_, derive(master_.secret(), header_key_label, context, aead_key_bytes).bytes());
}

VaultKeys::NameBlock VaultKeys::crypt_name(const NameBlock& in, bool encrypt) const {
    const CipherCtx context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    if (!context) throw std::bad_alloc();
    const auto* key = reinterpret_cast<const unsigned char*>(name_key_.bytes().data());
    NameBlock out{};
    int length = 0;
    detail::check_openssl(
        EVP_CipherInit_ex2(context.get(), aes_block_cipher(), key, nullptr, encrypt ? 1 : 0, nullptr),
        "cannot load the name key");
    detail::check_openssl(EVP_CIPHER_CTX_set_padding(context.get(), 0), "cannot switch padding off");
    detail::check_openssl(
        EVP_CipherUpdate(context.get(), reinterpret_cast<unsigned char*>(out.data()), &length,
                         reinterpret_cast<const unsigned char*>(in.data()), static_cast<int>(in.size())),
        "cannot encrypt or decrypt a segment's name");
    return out;
}

VaultKeys::NameBlock VaultKeys::encrypt_name(const NameBlock& name_plain) const {
    return crypt_name(name_plain, true);
}

VaultKeys::NameBlock VaultKeys::decrypt_name(const NameBlock& name) const {
    return crypt_name(name, false);
}

std::uint64_t VaultKeys::siphash(ByteSpan bytes) const noexcept {
    std::array<unsigned char, crypto_shorthash_BYTES> hash{};
    crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                     reinterpret_cast<const unsigned char*>(directory_hash_key_.bytes().data()));
    std::uint64_t value = 0;
    for (unsigned i = 0; i < hash.size(); ++i) value |= std::uint64_t{hash[i]} << (8 * i);
    return value;
}

}  // namespace demofs::crypto
