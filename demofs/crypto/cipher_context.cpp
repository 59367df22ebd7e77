// When a context is prepared again, and how the key in it is wiped when the key itself goes, from whatever
// thread that happens.
#include "demofs/crypto/cipher_context.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "demofs/crypto/aead_key_state.hpp"
#include "demofs/crypto/openssl_error.hpp"

namespace demofs::crypto::detail {

namespace {

// Fetching searches the providers (hundreds of ns): once per process. Never freed, since keys may be used
// until the very end.
const EVP_CIPHER* fetch(const char* name) {
    const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
    if (cipher == nullptr) throw_openssl_error("OpenSSL does not provide the cipher");
    return cipher;
}

const EVP_CIPHER* fetched(Cipher cipher) {
    if (cipher == Cipher::aes_256_gcm) {
        static const EVP_CIPHER* const aes = fetch("AES-256-GCM");
        return aes;
    }
    static const EVP_CIPHER* const chacha = fetch("ChaCha20-Poly1305");
    return chacha;
}

// All threads' contexts. Leaked on purpose: a thread or a key may end after static destruction has begun.
struct Registry {
    std::mutex mutex;
    std::vector<CipherContext*> contexts;
};

Registry& registry() {
    static auto* const instance = new Registry;
    return *instance;
}

}  // namespace

CipherContext::CipherContext() : context_(EVP_CIPHER_CTX_new()) {
    if (context_ == nullptr) throw std::bad_alloc();
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    all.contexts.push_back(this);
}

CipherContext::~CipherContext() {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    std::erase(all.contexts, this);
    EVP_CIPHER_CTX_free(context_);  // wipes the key schedule
}

CipherContext& CipherContext::of_this_thread() {
    thread_local CipherContext context;
    return context;
}

void CipherContext::reset() noexcept {
    EVP_CIPHER_CTX_reset(context_);  // wipes the key schedule; the cipher must be set again afterwards
    cipher_ = nullptr;
    key_id_.store(0, std::memory_order_relaxed);
}

void CipherContext::load(const AeadKey& key, const Nonce& nonce, Direction direction) {
    const auto* nonce_data = reinterpret_cast<const unsigned char*>(nonce.data());
    const int encrypt = direction == Direction::seal ? 1 : 0;
    if (key_id_.load(std::memory_order_relaxed) == key.id()) {
        check_openssl(EVP_CipherInit_ex2(context_, nullptr, nullptr, nonce_data, encrypt, nullptr),
                      "cannot set a nonce");
        return;
    }
    const EVP_CIPHER* wanted = fetched(key.cipher());
    const bool same_cipher = wanted == cipher_;
    const auto* key_data = reinterpret_cast<const unsigned char*>(key.state().key.bytes().data());
    check_openssl(
        EVP_CipherInit_ex2(context_, same_cipher ? nullptr : wanted, key_data, nonce_data, encrypt, nullptr),
        "cannot load a key");
    cipher_ = wanted;
    key_id_.store(key.id(), std::memory_order_relaxed);
}

CipherContext::Lease::Lease(const AeadKey& key, const Nonce& nonce, Direction direction)
    : context_(of_this_thread()) {
    // Only the destroyer of another key can be inside, for the microsecond that a wipe takes.
    while (context_.busy_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
    try {
        context_.load(key, nonce, direction);
    } catch (...) {
        context_.reset();
        context_.busy_.store(false, std::memory_order_release);
        throw;
    }
}

CipherContext::Lease::~Lease() {
    context_.busy_.store(false, std::memory_order_release);
}

EVP_CIPHER_CTX* CipherContext::Lease::get() const noexcept {
    return context_.context_;
}

void CipherContext::forget_key_everywhere(std::uint64_t key_id) noexcept {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    for (CipherContext* context : all.contexts) {
        if (context->key_id_.load(std::memory_order_relaxed) != key_id) continue;
        if (context->busy_.exchange(true, std::memory_order_acquire)) continue;  // replacing the key just now
        if (context->key_id_.load(std::memory_order_relaxed) == key_id) context->reset();
        context->busy_.store(false, std::memory_order_release);
    }
}

std::size_t CipherContext::count_holding(std::uint64_t key_id) noexcept {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    return static_cast<std::size_t>(std::ranges::count_if(all.contexts, [&](const CipherContext* context) {
        return context->key_id_.load(std::memory_order_relaxed) == key_id;
    }));
}

}  // namespace demofs::crypto::detail
