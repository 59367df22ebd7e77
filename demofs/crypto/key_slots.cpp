// What a slot's tag vouches for besides the master key. Everything in demofs.json that decides how the vault
// is read is bound into each slot, so that with a changed file none opens.
#include "demofs/crypto/key_slots.hpp"

#include <sodium.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "demofs/base/codec.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/random.hpp"
#include "demofs/crypto/recovery_key.hpp"

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
    if (slot.description) {
        aad.sized_text(name_of(slot.description->type));
        aad.i64(slot.description->created.time_since_epoch().count());
        aad.sized_text(slot.description->name);
    }
    return std::move(aad).take();
}

std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// The slot's wrapping key is used for this one message: salt and nonce are new each time.
KeySlot make_slot(const VaultConfig& config, std::uint32_t id, const MasterKey& master, const NewKey& key) {
    if (key.credential.secret.empty())
        throw Error::saying(std::errc::invalid_argument, "an empty password protects nothing");
    if (!is_slot_name(key.name)) {
        throw Error::saying(std::errc::invalid_argument,
                            "a key slot's name is at most 64 bytes of UTF-8 without control characters");
    }
    KeySlot slot{.id = id,
                 .description = SlotDescription{key.credential.type, now(), key.name},
                 .kdf = key.kdf,
                 .salt = {},
                 .nonce = {},
                 .wrapped_key = {}};
    fill_random(slot.salt);
    fill_random(slot.nonce);
    const SecretBytes wrapping =
        derive_from_password(key.credential.secret, slot.salt, key.kdf, wrapping_key_bytes);
    const Bytes aad = slot_associated_data(config, slot);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out(slot.wrapped_key), nullptr, in(master.secret().bytes()),
                                               master_key_bytes, in(aad), aad.size(), nullptr, in(slot.nonce),
                                               in(wrapping.bytes()));
    return slot;
}

std::optional<MasterKey> open_slot(const VaultConfig& config, const KeySlot& slot,
                                   const SecretBytes& secret) {
    const SecretBytes key = derive_from_password(secret, slot.salt, slot.kdf, wrapping_key_bytes);
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

// The slot's place, or the end.
auto place_of(VaultConfig& config, std::uint32_t id) {
    return std::ranges::find(config.slots, id, &KeySlot::id);
}

Error no_such_slot(const VaultConfig& config, std::uint32_t id) {
    for (const ForeignSlot& slot : config.foreign_slots) {
        if (slot.id != id) continue;
        return Error::saying(
            std::errc::invalid_argument,
            "key slot " + std::to_string(id) + " is of a kind (" + slot.kind + ") that needs a newer demofs");
    }
    return Error::saying(std::errc::invalid_argument, "there is no key slot " + std::to_string(id));
}

// Why nothing opened. Slots of unknown kinds might have.
std::string refusal(const VaultConfig& config, SlotType shown, const std::string& typing_error) {
    std::string text = shown == SlotType::key_file ? "wrong key file: " : "wrong password: ";
    text += "none of the vault's " + std::to_string(config.slots.size()) + " key slots opens with it";
    if (!typing_error.empty()) text += "; if it is a recovery key, " + typing_error;
    for (const ForeignSlot& slot : config.foreign_slots)
        text += "; key slot " + std::to_string(slot.id) + " (" + slot.kind + ") needs a newer demofs";
    return text;
}

}  // namespace

NewVault create(const NewKey& key, Cipher cipher) {
    NewVault vault{.config = {}, .master = MasterKey::random()};
    fill_random(vault.config.vault_id);
    vault.config.cipher = cipher;
    vault.config.created = now();
    vault.config.features_tag = features_tag(vault.config, vault.master);
    vault.config.slots.push_back(make_slot(vault.config, 0, vault.master, key));
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

UnlockedVault unlock(const VaultConfig& config, const Credential& shown) {
    std::exception_ptr not_tried;  // a slot that could not be tried must not pass for a wrong password
    const auto opened_by = [&](SlotType type, const SecretBytes& secret) -> std::optional<UnlockedVault> {
        for (const KeySlot& slot : config.slots) {
            if (slot.type() != type) continue;
            try {
                if (auto master = open_slot(config, slot, secret))
                    return UnlockedVault{std::move(*master), slot.id};
            } catch (const Error&) {
                not_tried = std::current_exception();
            }
        }
        return std::nullopt;
    };
    TypedRecoveryKey typed;
    if (shown.type == SlotType::password) typed = read_recovery_key(shown.secret.bytes());
    std::optional<UnlockedVault> opened;
    if (typed.key) opened = opened_by(SlotType::recovery_key, *typed.key);
    if (!opened) opened = opened_by(shown.type, shown.secret);
    if (opened) {
        check_features(config, opened->master);
        return std::move(*opened);
    }
    if (not_tried) std::rethrow_exception(not_tried);
    throw Error(Errc::wrong_password, refusal(config, shown.type, typed.problem));
}

void require_free_slot(const VaultConfig& config) {
    if (config.slots.size() + config.foreign_slots.size() < max_key_slots) return;
    throw Error::saying(std::errc::invalid_argument,
                        "all " + std::to_string(max_key_slots) + " key slots are taken; remove one first");
}

std::uint32_t add_slot(VaultConfig& config, const MasterKey& master, const NewKey& key) {
    require_free_slot(config);
    const auto taken = [&](std::uint32_t id) {
        return find_slot(config, id) != nullptr ||
               std::ranges::find(config.foreign_slots, id, &ForeignSlot::id) != config.foreign_slots.end();
    };
    std::uint32_t id = 0;
    while (taken(id)) ++id;
    config.slots.push_back(make_slot(config, id, master, key));
    return id;
}

void replace_slot(VaultConfig& config, std::uint32_t slot_id, const MasterKey& master, const NewKey& key) {
    const auto slot = place_of(config, slot_id);
    if (slot == config.slots.end()) throw no_such_slot(config, slot_id);
    *slot = make_slot(config, slot_id, master, key);
}

void remove_slot(VaultConfig& config, std::uint32_t slot_id) {
    if (std::erase_if(config.foreign_slots, [&](const ForeignSlot& slot) { return slot.id == slot_id; }) > 0)
        return;
    const auto slot = place_of(config, slot_id);
    if (slot == config.slots.end()) throw no_such_slot(config, slot_id);
    if (config.slots.size() == 1) {
        throw Error::saying(std::errc::invalid_argument,
                            "key slot " + std::to_string(slot_id) +
                                " is the last one that this program can open; without it "
                                "nothing opens the vault");
    }
    config.slots.erase(slot);
}

const KeySlot* find_slot(const VaultConfig& config, std::uint32_t slot_id) noexcept {
    const auto slot = std::ranges::find(config.slots, slot_id, &KeySlot::id);
    return slot == config.slots.end() ? nullptr : &*slot;
}

}  // namespace demofs::crypto
