// Secret memory by libsodium: guarded, locked if the system allows it, wiped on release. That locking failed
// is counted and no error: a vault that cannot be opened protects nobody.
#include "demofs/crypto/secret.hpp"

#include <sodium.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/base/random.hpp"

namespace demofs::crypto {

namespace {
std::atomic<std::uint64_t> unlocked_secrets{0};
}

void ensure_sodium() {
    static const bool ready = sodium_init() >= 0;
    if (!ready) throw Error(std::errc::io_error, "libsodium could not be initialised");
}

void wipe(MutableByteSpan bytes) noexcept {
    if (!bytes.empty()) sodium_memzero(bytes.data(), bytes.size());
}

SecretBytes::SecretBytes(std::size_t size) {
    if (size == 0) return;
    ensure_sodium();
    data_ = static_cast<std::byte*>(sodium_malloc(size));
    if (data_ == nullptr) throw std::bad_alloc();
    size_ = size;
    // sodium_malloc locks the pages but does not tell whether it could. Locking them again is harmless and
    // tells.
    locked_ = sodium_mlock(data_, size_) == 0;
    if (!locked_) unlocked_secrets.fetch_add(1, std::memory_order_relaxed);
    sodium_memzero(data_, size_);
}

SecretBytes SecretBytes::copy_of(ByteSpan bytes) {
    SecretBytes secret(bytes.size());
    std::ranges::copy(bytes, secret.data_);
    return secret;
}

SecretBytes SecretBytes::copy_of(std::string_view text) {
    return copy_of(as_bytes(text));
}

SecretBytes SecretBytes::random(std::size_t size) {
    SecretBytes secret(size);
    fill_random(secret.mutable_bytes());
    return secret;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      locked_(std::exchange(other.locked_, true)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    if (this == &other) return *this;
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    locked_ = std::exchange(other.locked_, true);
    return *this;
}

SecretBytes::~SecretBytes() {
    release();
}

void SecretBytes::release() noexcept {
    if (data_ != nullptr) sodium_free(data_);  // wipes the whole region before it unmaps it
    data_ = nullptr;
    size_ = 0;
    locked_ = true;
}

SecretBytes SecretBytes::clone() const {
    return copy_of(bytes());
}

void SecretBytes::truncate(std::size_t size) noexcept {
    if (size >= size_) return;
    wipe(mutable_bytes().subspan(size));
    // The region stays allocated (also for size 0) until release.
    size_ = size;
}

bool operator==(const SecretBytes& a, const SecretBytes& b) noexcept {
    if (a.size_ != b.size_) return false;
    return a.size_ == 0 || sodium_memcmp(a.data_, b.data_, a.size_) == 0;
}

std::uint64_t unlocked_secret_count() noexcept {
    return unlocked_secrets.load(std::memory_order_relaxed);
}

}  // namespace demofs::crypto
