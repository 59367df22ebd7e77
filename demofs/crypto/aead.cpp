// The two AEADs by OpenSSL's EVP, over the calling thread's prepared context. Sizes are checked before
// OpenSSL sees them: it counts in int and trusts its caller.
#include "demofs/crypto/aead.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "demofs/crypto/aead_key_state.hpp"
#include "demofs/crypto/cipher_context.hpp"
#include "demofs/crypto/openssl_error.hpp"

namespace demofs::crypto {

namespace {

using detail::check_openssl;
using detail::CipherContext;
using detail::Direction;

// OpenSSL counts in int. Blocks are tens of KiB; anything near this is a mistake.
constexpr std::size_t max_message_bytes = std::size_t{1} << 30;

std::atomic<std::uint64_t> last_key_id{0};

const unsigned char* in(ByteSpan bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* out(MutableByteSpan bytes) {
    return reinterpret_cast<unsigned char*>(bytes.data());
}

// An update with a null output is associated data to OpenSSL, so empty pieces must not reach it.
void add_associated_data(EVP_CIPHER_CTX* context, ByteSpan aad) {
    int length = 0;
    if (aad.empty()) return;
    check_openssl(EVP_CipherUpdate(context, nullptr, &length, in(aad), static_cast<int>(aad.size())),
                  "cannot authenticate associated data");
}

void crypt(EVP_CIPHER_CTX* context, ByteSpan from, MutableByteSpan to) {
    int length = 0;
    if (from.empty()) return;
    check_openssl(EVP_CipherUpdate(context, out(to), &length, in(from), static_cast<int>(from.size())),
                  "cannot encrypt or decrypt");
}

void check_sizes(ByteSpan aad, std::size_t plain_bytes, std::size_t sealed_bytes) {
    if (sealed_bytes != plain_bytes + tag_bytes)
        throw std::logic_error("sealed bytes must be exactly a tag longer than plain ones");
    if (plain_bytes > max_message_bytes || aad.size() > max_message_bytes)
        throw std::logic_error("a block to encrypt is larger than 1 GiB");
}

}  // namespace

std::string_view cipher_name(Cipher cipher) noexcept {
    return cipher == Cipher::aes_256_gcm ? "aes-256-gcm" : "chacha20-poly1305";
}

std::optional<Cipher> cipher_from_name(std::string_view name) noexcept {
    for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305})
        if (name == cipher_name(cipher)) return cipher;
    return std::nullopt;
}

AeadKey::AeadKey(Cipher cipher, ByteSpan key) {
    if (key.size() != aead_key_bytes) throw std::logic_error("an AEAD key must have 32 bytes");
    auto state = std::make_shared<State>(cipher, last_key_id.fetch_add(1, std::memory_order_relaxed) + 1);
    std::ranges::copy(key, state->key.mutable_bytes().begin());
    state_ = std::move(state);
}

Cipher AeadKey::cipher() const noexcept {
    return state_->cipher;
}
std::uint64_t AeadKey::id() const noexcept {
    return state_->id;
}

void seal(const AeadKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan plain,
          MutableByteSpan cipher_and_tag) {
    check_sizes(aad, plain.size(), cipher_and_tag.size());
    const CipherContext::Lease context(key, nonce, Direction::seal);
    add_associated_data(context.get(), aad);
    crypt(context.get(), plain, cipher_and_tag);
    const MutableByteSpan tag = cipher_and_tag.last(tag_bytes);
    int length = 0;
    check_openssl(EVP_CipherFinal_ex(context.get(), out(tag), &length), "cannot finish encrypting");
    check_openssl(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag.data()),
                  "cannot get the tag");
}

bool open(const AeadKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan cipher_and_tag,
          MutableByteSpan plain) {
    if (cipher_and_tag.size() < tag_bytes) {
        wipe(plain);
        return false;
    }
    check_sizes(aad, plain.size(), cipher_and_tag.size());
    // A copy, because OpenSSL takes the tag as not const.
    std::array<std::byte, tag_bytes> tag{};
    std::ranges::copy(cipher_and_tag.last(tag_bytes), tag.begin());
    const CipherContext::Lease context(key, nonce, Direction::open);
    add_associated_data(context.get(), aad);
    crypt(context.get(), cipher_and_tag.first(plain.size()), plain);
    check_openssl(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()),
                  "cannot set the tag");
    int length = 0;
    std::array<unsigned char, tag_bytes> rest{};  // Final writes nothing for these ciphers
    if (EVP_CipherFinal_ex(context.get(), rest.data(), &length) == 1) return true;
    ERR_clear_error();
    wipe(plain);
    return false;
}

}  // namespace demofs::crypto
