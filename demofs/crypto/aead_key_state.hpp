// What all copies of an AeadKey share.
#pragma once

#include <cstdint>

#include "demofs/crypto/aead.hpp"
#include "demofs/crypto/cipher_context.hpp"
#include "demofs/crypto/secret.hpp"

namespace demofs::crypto {

struct AeadKey::State {
    State(Cipher its_cipher, std::uint64_t its_id) noexcept : cipher(its_cipher), id(its_id) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { detail::CipherContext::forget_key_everywhere(id); }

    const Cipher cipher;
    const std::uint64_t id;
    WipedArray<aead_key_bytes> key;
};

}  // namespace demofs::crypto
