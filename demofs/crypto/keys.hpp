// The key hierarchy of one vault: everything is derived from the master key and the vault's id.
//
// clang-format off
//   key                 label of derive()              context                                           used for
//   segment key         "demofs 1 segment key"         vault id ‖ segment id ‖ cipher name               a segment's blocks
//   header key          "demofs 1 segment header key"  vault id ‖ decrypted segment name ‖ cipher name   a segment's header
//   name key            "demofs 1 segment name key"    vault id                                          segment names, AES-256
//   directory hash key  "demofs 1 directory hash key"  vault id                                          file names, SipHash-2-4
// clang-format on
//
// Labels and contexts are part of the on-disk format: never change one; add a new label instead.
// docs/security.md shows this table to readers.
//
// Threads: immutable after construction; every function may be called from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "demofs/base/bytes.hpp"
#include "demofs/crypto/aead.hpp"
#include "demofs/crypto/secret.hpp"

namespace demofs::crypto {

inline constexpr std::size_t master_key_bytes = 32;

/// The random key that everything in a vault hangs on. Strong type, so that no password or derived key is
/// taken for it.
class MasterKey {
  public:
    /// Throws std::logic_error unless `bytes` is master_key_bytes long.
    explicit MasterKey(SecretBytes bytes);
    [[nodiscard]] static MasterKey random();

    [[nodiscard]] const SecretBytes& secret() const noexcept { return bytes_; }
    [[nodiscard]] MasterKey clone() const { return MasterKey(bytes_.clone()); }
    friend bool operator==(const MasterKey&, const MasterKey&) noexcept = default;

  private:
    SecretBytes bytes_;
};

/// Random, public, made once with the vault; bound into every key and every block's associated data.
using VaultId = std::array<std::byte, 16>;

class VaultKeys {
  public:
    /// `cipher` is the vault's: that of segment headers and the usual one of segment keys.
    VaultKeys(const MasterKey& master, const VaultId& vault_id, Cipher cipher);

    [[nodiscard]] const VaultId& vault_id() const noexcept { return vault_id_; }
    [[nodiscard]] Cipher cipher() const noexcept { return cipher_; }

    /// The key of a segment's blocks; `segment_id` is its random 16-byte id. Derived anew at each call (a few
    /// µs).
    [[nodiscard]] AeadKey segment_key(Cipher cipher, ByteSpan segment_id) const;

    /// The key of one segment's header, from the 16 bytes that the segment's name decrypts to (so a header
    /// under another segment's name does not open).
    [[nodiscard]] AeadKey header_key(ByteSpan name_plain) const;

    using NameBlock = std::array<std::byte, 16>;

    /// A segment's name: a permutation of 16-byte values (one AES-256 block). It hides them, and does not
    /// authenticate them: any 16 bytes decrypt to something; the segment's header proves a name.
    [[nodiscard]] NameBlock encrypt_name(const NameBlock& name_plain) const;
    [[nodiscard]] NameBlock decrypt_name(const NameBlock& name) const;

    /// SipHash-2-4 under the directory hash key: file names to positions in a directory, not predictable by
    /// who chooses names.
    [[nodiscard]] std::uint64_t siphash(ByteSpan bytes) const noexcept;
    [[nodiscard]] ByteSpan directory_hash_key() const noexcept { return directory_hash_key_.bytes(); }

  private:
    NameBlock crypt_name(const NameBlock& in, bool encrypt) const;

    MasterKey master_;
    VaultId vault_id_;
    Cipher cipher_;
    SecretBytes name_key_;
    SecretBytes directory_hash_key_;
};

}  // namespace demofs::crypto
