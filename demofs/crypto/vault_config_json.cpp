// demofs.json as text: to_json and from_json of vault_config.hpp. A slot of an unknown kind passes through as
// it is, so that a program that is older than the slot neither refuses the vault nor takes the slot away.

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/crypto/hex.hpp"
#include "demofs/crypto/vault_config.hpp"

namespace demofs::crypto {

namespace {

// Keeps the order of fields, so that the file reads from the general to the particular.
using Json = nlohmann::ordered_json;

constexpr std::string_view format_name = "demofs";
constexpr std::string_view kdf_name = "argon2id";
constexpr std::size_t max_word_bytes = 64;
constexpr std::size_t max_slot_name_bytes = 64;
// A description has three levels. What is not known may have more, but must not exhaust the stack.
constexpr int max_depth = 16;
constexpr std::size_t max_text_bytes = std::size_t{1} << 20;

std::string to_iso_time(std::chrono::sys_seconds time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text.data();
}

// The exact inverse: whatever does not print as it was read is refused.
std::optional<std::chrono::sys_seconds> from_iso_time(const std::string& text) {
    int year = 0, hours = 0, minutes = 0, seconds = 0;
    unsigned month = 0, day = 0;
    if (text.size() != 20 || std::sscanf(text.c_str(), "%4d-%2u-%2uT%2d:%2d:%2dZ", &year, &month, &day,
                                         &hours, &minutes, &seconds) != 6)
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                           std::chrono::day(day)};
    if (!date.ok()) return std::nullopt;
    const std::chrono::sys_seconds time = std::chrono::sys_days(date) + std::chrono::hours(hours) +
                                          std::chrono::minutes(minutes) + std::chrono::seconds(seconds);
    if (to_iso_time(time) != text) return std::nullopt;
    return time;
}

[[noreturn]] void fail(Errc code, const std::string& field, const std::string& problem) {
    throw Error(code, "the vault configuration's field \"" + field + "\" " + problem);
}

// Reads the fields of one JSON object, each exactly once, and knows where in the document it is.
class Fields {
  public:
    Fields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {}

    [[nodiscard]] std::string name_of(std::string_view field) const { return path_ + std::string(field); }

    const Json& get(std::string_view field) {
        const auto found = object_.find(field);
        if (found == object_.end()) fail(Errc::corrupt, name_of(field), "is missing");
        known_.insert(std::string(field));
        return *found;
    }

    std::uint64_t number(std::string_view field, std::uint64_t least, std::uint64_t most) {
        const Json& value = get(field);
        if (!value.is_number_unsigned()) fail(Errc::corrupt, name_of(field), "must be a whole number");
        const auto number = value.get<std::uint64_t>();
        if (number < least || number > most) {
            fail(Errc::corrupt, name_of(field),
                 "is " + std::to_string(number) + ", but must be between " + std::to_string(least) + " and " +
                     std::to_string(most));
        }
        return number;
    }

    std::string text(std::string_view field) {
        const Json& value = get(field);
        if (!value.is_string()) fail(Errc::corrupt, name_of(field), "must be a text");
        return value.get<std::string>();
    }

    template <std::size_t N>
    void hex(std::string_view field, std::array<std::byte, N>& bytes) {
        if (!from_hex(text(field), bytes))
            fail(Errc::corrupt, name_of(field), "must be " + std::to_string(2 * N) + " hexadecimal digits");
    }

    // Call last: every field that nobody asked for is one too many.
    void no_others() const {
        for (const auto& item : object_.items())
            if (!known_.contains(item.key())) fail(Errc::corrupt, name_of(item.key()), "is not known");
    }

  private:
    const Json& object_;
    std::string path_;
    std::set<std::string, std::less<>> known_;
};

// The library keeps one of two equally named fields without a word; two readers could see different
// documents.
Json parse_without_duplicates(std::string_view text) {
    std::vector<std::set<std::string>> open_objects;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (depth > max_depth) throw Error(Errc::corrupt, "the vault configuration is nested too deeply");
        if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
        if (event == Json::parse_event_t::object_end) open_objects.pop_back();
        if (event == Json::parse_event_t::key) {
            const auto name = parsed.get<std::string>();
            if (!open_objects.back().insert(name).second) fail(Errc::corrupt, name, "appears twice");
        }
        return true;
    };
    try {
        return Json::parse(text, watch);
    } catch (const Json::parse_error& error) {
        throw Error(Errc::corrupt, "the vault configuration is damaged: it is no longer valid JSON at byte " +
                                       std::to_string(error.byte));
    } catch (const Json::exception& error) {
        throw Error(Errc::corrupt, std::string("the vault configuration is damaged: ") + error.what());
    }
}

// The names of features, and of what may be added to slots one day.
bool is_word(const std::string& name) {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    return !name.empty() && name.size() <= max_word_bytes && std::ranges::all_of(name, allowed);
}

constexpr std::string_view rule_of_words = "must be a name of up to 64 small letters, digits and hyphens";

std::optional<SlotType> type_from_name(const std::string& name) {
    for (const SlotType type : {SlotType::password, SlotType::key_file, SlotType::recovery_key})
        if (name == name_of(type)) return type;
    return std::nullopt;
}

std::chrono::sys_seconds time_from(Fields& fields, std::string_view field) {
    const auto time = from_iso_time(fields.text(field));
    if (!time) fail(Errc::corrupt, fields.name_of(field), "must be a time like 2025-01-31T12:00:00Z");
    return *time;
}

SlotDescription description_from_json(Fields& fields, SlotType type) {
    SlotDescription description{
        .type = type, .created = time_from(fields, "created"), .name = fields.text("name")};
    if (!is_slot_name(description.name))
        fail(Errc::corrupt, fields.name_of("name"), "must be at most 64 bytes without control characters");
    return description;
}

// Reads the slots one by one, each into the list where it belongs.
class SlotReader {
  public:
    explicit SlotReader(VaultConfig& config) : config_(config) {}

    void read(const Json& json, const std::string& where) {
        if (!json.is_object()) fail(Errc::corrupt, where, "must be an object");
        Fields fields(json, where + ".");
        const auto id = static_cast<std::uint32_t>(fields.number("id", 0, UINT32_MAX));
        if (!ids_.insert(id).second) fail(Errc::corrupt, where + ".id", "is the id of another slot as well");
        std::optional<SlotType> type;
        if (json.contains("type")) {
            type = type_from_name(fields.text("type"));
            if (!type) return keep(json, fields, "type", id);
        }
        if (fields.text("kdf") != kdf_name) return keep(json, fields, "kdf", id);
        KeySlot slot;
        slot.id = id;
        if (type) slot.description = description_from_json(fields, *type);
        slot.kdf.ops = fields.number("ops", kdf_min_ops, kdf_max_ops);
        slot.kdf.memory_bytes = fields.number("memory_bytes", kdf_min_memory_bytes, kdf_max_memory_bytes);
        fields.hex("salt", slot.salt);
        fields.hex("nonce", slot.nonce);
        fields.hex("wrapped_key", slot.wrapped_key);
        fields.no_others();
        config_.slots.push_back(std::move(slot));
    }

    void require_a_known_one() const {
        if (config_.slots.empty()) fail(Errc::unsupported_format, unknown_field_, unknown_value_);
    }

  private:
    void keep(const Json& json, Fields& fields, std::string_view field, std::uint32_t id) {
        const std::string kind = fields.text(field);
        if (!is_word(kind)) fail(Errc::corrupt, fields.name_of(field), std::string(rule_of_words));
        config_.foreign_slots.push_back({id, kind, json.dump()});
        unknown_field_ = fields.name_of(field);
        unknown_value_ =
            "is \"" + kind + "\", which needs a newer demofs, as do all other slots of the vault";
    }

    VaultConfig& config_;
    std::set<std::uint32_t> ids_;
    std::string unknown_field_;
    std::string unknown_value_;
};

void slots_from_json(const Json& json, VaultConfig& config) {
    if (!json.is_array()) fail(Errc::corrupt, "key_slots", "must be a list");
    if (json.empty() || json.size() > max_key_slots)
        fail(Errc::corrupt, "key_slots",
             "must have between 1 and " + std::to_string(max_key_slots) + " entries");
    SlotReader reader(config);
    for (std::size_t i = 0; i < json.size(); ++i)
        reader.read(json[i], "key_slots[" + std::to_string(i) + "]");
    reader.require_a_known_one();
}

// No feature is defined yet, so each one is of a newer version.
std::vector<std::string> features_from_json(const Json& json) {
    if (!json.is_array()) fail(Errc::corrupt, "features", "must be a list");
    std::string before;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const std::string where = "features[" + std::to_string(i) + "]";
        if (!json[i].is_string() || !is_word(json[i].get<std::string>()))
            fail(Errc::corrupt, where, std::string(rule_of_words));
        std::string name = json[i].get<std::string>();
        if (name <= before) fail(Errc::corrupt, where, "must come after the one before it, in order");
        before = std::move(name);
    }
    if (!json.empty()) {
        fail(Errc::unsupported_format, "features",
             "lists \"" + json[0].get<std::string>() + "\", which needs a newer demofs to read the vault");
    }
    return {};
}

// Before anything else is looked at: other versions may have other fields.
void check_format(const Json& json, Fields& fields) {
    const auto format = json.find("format");
    if (format == json.end() || *format != format_name) {
        throw Error(Errc::not_a_vault,
                    "this JSON document does not describe a demofs vault: its field \"format\" is not \"" +
                        std::string(format_name) + "\"");
    }
    static_cast<void>(fields.get("format"));
    const std::uint64_t version = fields.number("format_version", 0, UINT64_MAX);
    if (version == vault_format_version) return;
    throw Error(Errc::unsupported_format, "the vault has format version " + std::to_string(version) +
                                              " and needs a demofs that reads it; this one reads version " +
                                              std::to_string(vault_format_version));
}

Json json_of(const KeySlot& slot) {
    Json json;
    json["id"] = slot.id;
    if (slot.description) {
        json["type"] = name_of(slot.description->type);
        json["name"] = slot.description->name;
        json["created"] = to_iso_time(slot.description->created);
    }
    json["kdf"] = kdf_name;
    json["ops"] = slot.kdf.ops;
    json["memory_bytes"] = slot.kdf.memory_bytes;
    json["salt"] = to_hex(slot.salt);
    json["nonce"] = to_hex(slot.nonce);
    json["wrapped_key"] = to_hex(slot.wrapped_key);
    return json;
}

}  // namespace

std::string_view name_of(SlotType type) noexcept {
    switch (type) {
        case SlotType::password:
            return "password";
        case SlotType::key_file:
            return "key-file";
        case SlotType::recovery_key:
            return "recovery-key";
    }
    return "";
}

// The name reaches terminals: its bytes must not be able to do there what they like.
bool is_slot_name(std::string_view name) {
    if (name.size() > max_slot_name_bytes) return false;
    unsigned char before = 0;
    for (const char character : name) {
        const auto byte = static_cast<unsigned char>(character);
        if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0)) return false;
        before = byte;
    }
    try {
        static_cast<void>(Json(name).dump());
    } catch (const Json::type_error&) {  // no UTF-8
        return false;
    }
    return true;
}

std::string to_json(const VaultConfig& config) {
    Json json;
    json["format"] = format_name;
    json["format_version"] = vault_format_version;
    json["vault_id"] = to_hex(config.vault_id);
    json["cipher"] = cipher_name(config.cipher);
    json["created"] = to_iso_time(config.created);
    json["features"] = config.features;
    json["features_tag"] = to_hex(config.features_tag);
    json["key_slots"] = Json::array();
    for (const KeySlot& slot : config.slots) json["key_slots"].push_back(json_of(slot));
    for (const ForeignSlot& slot : config.foreign_slots) json["key_slots"].push_back(Json::parse(slot.json));
    return json.dump(2) + "\n";
}

VaultConfig from_json(std::string_view text) {
    if (text.size() > max_text_bytes)
        throw Error(Errc::corrupt, "the vault configuration is larger than 1 MiB");
    const Json json = parse_without_duplicates(text);
    if (!json.is_object())
        throw Error(Errc::not_a_vault, "this JSON document does not describe a demofs vault");
    Fields fields(json, "");
    check_format(json, fields);
    VaultConfig config;
    fields.hex("vault_id", config.vault_id);
    const std::string name = fields.text("cipher");
    const auto cipher = cipher_from_name(name);
    if (!cipher)
        fail(Errc::unsupported_format, "cipher", "is \"" + name + "\", which this program does not know");
    config.cipher = *cipher;
    config.created = time_from(fields, "created");
    config.features = features_from_json(fields.get("features"));
    fields.hex("features_tag", config.features_tag);
    slots_from_json(fields.get("key_slots"), config);
    fields.no_others();
    return config;
}

}  // namespace demofs::crypto
