// Key slots: how a password opens the master key, and what a slot's tag vouches for besides it. Everything in
// demofs.json that decides how the vault is read is bound into each slot, so that with a changed file none
// opens.
#include "demofs/crypto/vault_config.hpp"

#include <sodium.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "demofs/base/codec.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/random.hpp"

namespace demofs::crypto {

namespace {

static_assert(slot_nonce_bytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(tag_bytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);
constexpr std::size_t wrapping_key_bytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;

unsigned char* out(MutableByteSpan bytes) {
    return reinterpret_cast<unsigned char*>(bytes.data());
}
const unsigned char* in(ByteSpan bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

// What the slot's tag vouches for besides the master key. An on-disk constant.
Bytes slot_associated_data(const VaultConfig& config, const KeySlot& slot) {
    Encoder aad;
    aad.sized_text("demofs 1 key slot");
    aad.u32(vault_format_version);
    aad.bytes(config.vault_id);
    aad.sized_text(cipher_name(config.cipher));
    aad.i64(config.created.time_since_epoch().count());
    aad.u32(slot.id);
    aad.sized_text("argon2id");
    aad.u64(slot.kdf.ops);
    aad.u64(slot.kdf.memory_bytes);
    aad.bytes(slot.salt);
    return std::move(aad).take();
}

// The slot's wrapping key is used for this one message: salt and nonce are new each time.
KeySlot make_slot(const VaultConfig& config, std::uint32_t id, const MasterKey& master,
                  const Password& password, const KdfParameters& kdf) {
    if (password.empty()) throw Error(std::errc::invalid_argument, "an empty password protects nothing");
    KeySlot slot{.id = id, .kdf = kdf};
    fill_random(slot.salt);
    fill_random(slot.nonce);
    const SecretBytes key = derive_from_password(password, slot.salt, kdf, wrapping_key_bytes);
    const Bytes aad = slot_associated_data(config, slot);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out(slot.wrapped_key), nullptr, in(master.secret().bytes()),
                                               master_key_bytes, in(aad), aad.size(), nullptr, in(slot.nonce),
                                               in(key.bytes()));
    return slot;
}

std::optional<MasterKey> open_slot(const VaultConfig& config, const KeySlot& slot, const Password& password) {
    const SecretBytes key = derive_from_password(password, slot.salt, slot.kdf, wrapping_key_bytes);
    const Bytes aad = slot_associated_data(config, slot);
    SecretBytes master(master_key_bytes);
    const int result = crypto_aead_xchacha20poly1305_ietf_decrypt(
        out(master.mutable_bytes()), nullptr, nullptr, in(slot.wrapped_key), slot.wrapped_key.size(), in(aad),
        aad.size(), in(slot.nonce), in(key.bytes()));
    if (result != 0) return std::nullopt;
    return MasterKey(std::move(master));
}

void check_features(const VaultConfig& config, const MasterKey& master) {
    const FeaturesTag expected = features_tag(config, master);
    if (sodium_memcmp(expected.data(), config.features_tag.data(), expected.size()) == 0) return;
    throw Error(
        Errc::corrupt,
        "the vault configuration's field \"features\" is not what was written there: the file was changed");
}

auto find_slot(VaultConfig& config, std::uint32_t id) {
    return std::ranges::find(config.slots, id, &KeySlot::id);
}

}  // namespace

NewVault create(const Password& password, Cipher cipher, const KdfParameters& kdf) {
    NewVault vault{.config = {}, .master = MasterKey::random()};
    fill_random(vault.config.vault_id);
    vault.config.cipher = cipher;
    vault.config.created = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    vault.config.features_tag = features_tag(vault.config, vault.master);
    vault.config.slots.push_back(make_slot(vault.config, 0, vault.master, password, kdf));
    return vault;
}

FeaturesTag features_tag(const VaultConfig& config, const MasterKey& master) {
    Bytes context(config.vault_id.begin(), config.vault_id.end());
    Encoder list(context);
    for (const std::string& feature : config.features) list.sized_text(feature);
    FeaturesTag tag;
    const SecretBytes derived = derive(master.secret(), "demofs 1 features", context, tag.size());
    std::ranges::copy(derived.bytes(), tag.begin());
    return tag;
}

UnlockedVault unlock(const VaultConfig& config, const Password& password) {
    std::exception_ptr not_tried;  // a slot that could not be tried must not pass for a wrong password
    for (const KeySlot& slot : config.slots) {
        std::optional<MasterKey> master;
        try {
            master = open_slot(config, slot, password);
        } catch (const Error&) {
            not_tried = std::current_exception();
        }
        if (!master) continue;
        check_features(config, *master);
        return {std::move(*master), slot.id};
    }
    if (not_tried) std::rethrow_exception(not_tried);
    throw Error(Errc::wrong_password, "wrong password: none of the vault's " +
                                          std::to_string(config.slots.size()) + " key slots opens with it");
}

std::uint32_t add_slot(VaultConfig& config, const MasterKey& master, const Password& password,
                       const KdfParameters& kdf) {
    if (config.slots.size() >= max_key_slots) {
        throw Error(std::errc::invalid_argument,
                    "all " + std::to_string(max_key_slots) + " key slots are taken; remove one first");
    }
    std::uint32_t id = 0;
    while (find_slot(config, id) != config.slots.end()) ++id;
    config.slots.push_back(make_slot(config, id, master, password, kdf));
    return id;
}

void remove_slot(VaultConfig& config, std::uint32_t slot_id) {
    const auto slot = find_slot(config, slot_id);
    if (slot == config.slots.end())
        throw Error(std::errc::invalid_argument, "there is no key slot " + std::to_string(slot_id));
    if (config.slots.size() == 1) {
        throw Error(std::errc::invalid_argument, "key slot " + std::to_string(slot_id) +
                                                     " is the last one; without it nothing opens the vault");
    }
    config.slots.erase(slot);
}

std::uint32_t replace_password(VaultConfig& config, const Password& old_password,
                               const Password& new_password, const KdfParameters& kdf) {
    const UnlockedVault unlocked = unlock(config, old_password);
    *find_slot(config, unlocked.slot_id) =
        make_slot(config, unlocked.slot_id, unlocked.master, new_password, kdf);
    return unlocked.slot_id;
}

}  // namespace demofs::crypto
