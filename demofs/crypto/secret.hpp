// Memory for secrets: passwords, the master key, keys derived from it.
//
// Threads: distinct objects may be used from different threads; one object is not synchronised.
// Invariants: a secret is never copied implicitly; its bytes are overwritten before the memory is given back;
// it is compared in constant time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "demofs/base/bytes.hpp"

namespace demofs::crypto {

/// Initialises libsodium once per process; called by everything here that needs it.
/// Throws Error (std::errc::io_error) if that fails.
void ensure_sodium();

/// Overwrites `bytes` with zeros in a way the compiler may not remove.
void wipe(MutableByteSpan bytes) noexcept;

/// A run of secret bytes in memory of its own: guard pages around it, locked so that it is not swapped out,
/// left out of core dumps, wiped on release.
///
/// If RLIMIT_MEMLOCK is too low the bytes live in the same kind of memory unlocked (and could reach the
/// swap); `locked()` and `unlocked_secret_count()` tell, so that a program can warn its user. One object
/// costs at least four pages and a few system calls: for a handful of long-lived secrets, not for one key per
/// block.
class SecretBytes {
  public:
    SecretBytes() noexcept = default;

    /// `size` zero bytes. Throws std::bad_alloc.
    explicit SecretBytes(std::size_t size);

    static SecretBytes copy_of(ByteSpan bytes);
    static SecretBytes copy_of(std::string_view text);
    static SecretBytes random(std::size_t size);

    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes();

    /// An explicit second copy, wiped by itself.
    [[nodiscard]] SecretBytes clone() const;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// Views live as long as the object and are invalidated by a move.
    [[nodiscard]] ByteSpan bytes() const noexcept { return {data_, size_}; }
    [[nodiscard]] MutableByteSpan mutable_bytes() noexcept { return {data_, size_}; }

    /// Cuts the secret to its first `size` bytes and wipes the rest; a larger `size` changes nothing. Serves
    /// reading a password of unknown length into a buffer that is secret from the start.
    void truncate(std::size_t size) noexcept;

    /// False if the operating system refused to lock the memory (true for an empty secret).
    [[nodiscard]] bool locked() const noexcept { return locked_; }

    /// Constant time in the contents; secrets of different sizes differ at once.
    friend bool operator==(const SecretBytes& a, const SecretBytes& b) noexcept;

  private:
    void release() noexcept;

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    bool locked_ = true;
};

using Password = SecretBytes;

/// How many secrets of this process could not be locked in memory so far. Not zero means: warn the user that
/// secrets may reach the swap and that `ulimit -l` is too low.
[[nodiscard]] std::uint64_t unlocked_secret_count() noexcept;

/// N secret bytes in ordinary memory, wiped on destruction: for keys that exist in thousands (one per
/// segment), where locked pages would exhaust RLIMIT_MEMLOCK.
template <std::size_t N>
class WipedArray {
  public:
    WipedArray() noexcept = default;
    WipedArray(const WipedArray&) = delete;
    WipedArray& operator=(const WipedArray&) = delete;
    ~WipedArray() { wipe(data_); }

    [[nodiscard]] std::span<const std::byte, N> bytes() const noexcept { return data_; }
    [[nodiscard]] std::span<std::byte, N> mutable_bytes() noexcept { return data_; }

  private:
    std::array<std::byte, N> data_{};
};

}  // namespace demofs::crypto
