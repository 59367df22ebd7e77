#include "demofs/app/key_slot_text.hpp"

#include <algorithm>

namespace demofs::app {

namespace {

std::string memory_text(std::uint64_t bytes) {
    constexpr std::uint64_t mebibyte = 1024 * 1024;
    return bytes % mebibyte == 0 ? std::to_string(bytes / mebibyte) + " MiB"
                                 : std::to_string(bytes / 1024) + " KiB";
}

}  // namespace

std::string type_text(crypto::SlotType type) {
    std::string text(crypto::name_of(type));
    std::ranges::replace(text, '-', ' ');
    return text;
}

std::string slot_text(const crypto::KeySlot& slot) {
    const std::string type = type_text(slot.type());
    const bool named = slot.description && !slot.description->name.empty();
    return named ? type + " \"" + slot.description->name + "\"" : type;
}

std::string cost_text(const crypto::KdfParameters& kdf) {
    return "Argon2id, " + std::to_string(kdf.ops) + (kdf.ops == 1 ? " pass over " : " passes over ") +
           memory_text(kdf.memory_bytes);
}

std::chrono::sys_seconds time_of(const crypto::KeySlot& slot, const crypto::VaultConfig& config) {
    return slot.description ? slot.description->created : config.created;
}

}  // namespace demofs::app
