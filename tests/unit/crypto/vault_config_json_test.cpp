#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "demofs/base/error.hpp"
#include "demofs/crypto/key_slots.hpp"

namespace demofs::crypto {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

const KdfParameters fast = KdfParameters::weakest_for_tests();

// What from_json says to a text it refuses.
struct Refusal {
    std::error_code code;
    std::string text;
};

Refusal refusal_of(const std::string& text) {
    try {
        (void)from_json(text);
    } catch (const Error& error) {
        return {error.code(), error.what()};
    }
    return {{}, "accepted"};
}

NewKey key(std::string_view text, const KdfParameters& kdf = fast) {
    return {{SlotType::password, Password::copy_of(text)}, "a name", kdf};
}

Credential password(std::string_view text) {
    return {SlotType::password, Password::copy_of(text)};
}

class VaultConfigJson : public testing::Test {
  protected:
    NewVault vault = create(key("first"), Cipher::chacha20_poly1305);
    json document = json::parse(to_json(vault.config));

    void expect_refused(const char* field, const json& value) {
        json changed = document;
        changed[json::json_pointer(field)] = value;
        const Refusal refusal = refusal_of(changed.dump());
        EXPECT_TRUE(refusal.code) << field << " = " << value << " was accepted";
        std::string name = field;
        name = name.substr(name.rfind('/') + 1);
        EXPECT_THAT(refusal.text, HasSubstr(name)) << "the message must name the field";
    }
};

TEST_F(VaultConfigJson, RoundTrips) {
    add_slot(vault.config, vault.master, key("second", {2, 16 * 1024}));
    const VaultConfig again = from_json(to_json(vault.config));
    EXPECT_EQ(again, vault.config);
    EXPECT_TRUE(unlock(again, password("second")).master == vault.master);
    EXPECT_EQ(to_json(again), to_json(vault.config));
}

TEST_F(VaultConfigJson, IsReadableAndNamesItsFormatFirst) {
    vault.config.created = std::chrono::sys_seconds(std::chrono::seconds(1738324800));
    const std::string text = to_json(vault.config);
    EXPECT_TRUE(text.starts_with("{\n  \"format\": \"demofs\",\n  \"format_version\": 1,\n  \"vault_id\""))
        << text;
    EXPECT_THAT(text,
                AllOf(HasSubstr("\"created\": \"2025-01-31T12:00:00Z\""),
                      HasSubstr("\"cipher\": \"chacha20-poly1305\""), HasSubstr("\"kdf\": \"argon2id\"")));
    EXPECT_EQ(text.back(), '\n');
}

TEST_F(VaultConfigJson, EveryFieldIsNeeded) {
    for (const auto& item : document.items()) {
        json changed = document;
        changed.erase(item.key());
        EXPECT_THAT(refusal_of(changed.dump()).text, HasSubstr(item.key()));
    }
    for (const auto& item : document["key_slots"][0].items()) {
        if (item.key() == "type") continue;  // without it a slot is one of before there were any
        json changed = document;
        changed["key_slots"][0].erase(item.key());
        EXPECT_THAT(refusal_of(changed.dump()).text,
                    HasSubstr("\"key_slots[0]." + item.key() + "\" is missing"));
    }
}

TEST_F(VaultConfigJson, EveryFieldMustHaveItsType) {
    for (const json& wrong : {json(nullptr), json(true), json(-1), json(1.5), json::array(), json::object(),
                              json(""), json("zz"), json("argon2i")}) {
        for (const char* field :
             {"/format", "/format_version", "/vault_id", "/cipher", "/created", "/features_tag", "/key_slots",
              "/key_slots/0/kdf", "/key_slots/0/ops", "/key_slots/0/memory_bytes", "/key_slots/0/salt",
              "/key_slots/0/nonce", "/key_slots/0/wrapped_key", "/key_slots/0/id", "/key_slots/0/type",
              "/key_slots/0/created"})
            expect_refused(field, wrong);
        if (!wrong.is_string()) expect_refused("/key_slots/0/name", wrong);
    }
    json changed = document;
    changed["key_slots"][0] = 7;
    EXPECT_THAT(refusal_of(changed.dump()).text, HasSubstr("\"key_slots[0]\" must be an object"));
}

TEST_F(VaultConfigJson, NumbersMustBeWithinTheirLimits) {
    expect_refused("/key_slots/0/ops", 0);
    expect_refused("/key_slots/0/ops", 33);
    expect_refused("/key_slots/0/ops", UINT64_MAX);
    expect_refused("/key_slots/0/memory_bytes", 8191);
    expect_refused("/key_slots/0/memory_bytes", (std::uint64_t{1} << 30) + 1);
    expect_refused("/key_slots/0/memory_bytes", UINT64_MAX);
    expect_refused("/key_slots/0/id", std::uint64_t{1} << 32);
}

TEST_F(VaultConfigJson, HexadecimalFieldsMustHaveTheirExactLength) {
    for (const char* field : {"/vault_id", "/features_tag", "/key_slots/0/salt", "/key_slots/0/nonce",
                              "/key_slots/0/wrapped_key"}) {
        const auto good = document[json::json_pointer(field)].get<std::string>();
        expect_refused(field, good + "00");
        expect_refused(field, good.substr(2));
        expect_refused(field, std::string("g") + good.substr(1));
        expect_refused(field, std::string(" ") + good.substr(1));
    }
}

TEST_F(VaultConfigJson, TimesMustBeReal) {
    for (const char* time :
         {"2025-02-30T12:00:00Z", "2025-01-31T24:00:00Z", "2025-01-31T12:60:00Z", "2025-01-31 12:00:00Z",
          "2025-1-31T12:00:00Z", "2025-01-31T12:00:00", "yesterday"})
        expect_refused("/created", time);
}

TEST_F(VaultConfigJson, UnknownAndRepeatedFieldsAreRefused) {
    json changed = document;
    changed["surprise"] = 1;
    EXPECT_THAT(refusal_of(changed.dump()).text, HasSubstr("\"surprise\" is not known"));
    changed = document;
    changed["key_slots"][0]["surprise"] = 1;
    EXPECT_THAT(refusal_of(changed.dump()).text, HasSubstr("\"key_slots[0].surprise\" is not known"));
    std::string text = to_json(vault.config);
    text.insert(1, "\"cipher\": \"aes-256-gcm\",");
    EXPECT_THAT(refusal_of(text).text, HasSubstr("\"cipher\" appears twice"));
}

TEST_F(VaultConfigJson, SlotsMustBeBetweenOneAndEightWithDifferentIds) {
    json changed = document;
    changed["key_slots"] = json::array();
    EXPECT_THAT(refusal_of(changed.dump()).text, HasSubstr("\"key_slots\" must have between 1 and 8"));
    changed = document;
    changed["key_slots"].push_back(changed["key_slots"][0]);
    EXPECT_THAT(refusal_of(changed.dump()).text, HasSubstr("\"key_slots[1].id\""));
    changed = document;
    for (int id = 1; id < 9; ++id) {
        changed["key_slots"].push_back(changed["key_slots"][0]);
        changed["key_slots"].back()["id"] = id;
    }
    EXPECT_THAT(refusal_of(changed.dump()).text, HasSubstr("\"key_slots\" must have between 1 and 8"));
}

TEST_F(VaultConfigJson, ASlotWithoutATypeHasNothingThatCameWithIt) {
    json changed = document;
    json& slot = changed["key_slots"][0];
    slot.erase("type");
    EXPECT_THAT(refusal_of(changed.dump()).text, HasSubstr("is not known"));
    slot.erase("name");
    slot.erase("created");
    const VaultConfig old = from_json(changed.dump());
    EXPECT_EQ(old.slots[0].description, std::nullopt);
    EXPECT_EQ(old.slots[0].type(), SlotType::password);
    EXPECT_EQ(json::parse(to_json(old)), changed);
}

TEST_F(VaultConfigJson, NamesReachTerminalsAndMayNotControlThem) {
    for (const char* name : {"two\nlines", "\x1b[31mred", "\xc2\x9b", "\x7f"})
        expect_refused("/key_slots/0/name", name);
    expect_refused("/key_slots/0/name", std::string(65, 'x'));
    EXPECT_TRUE(is_slot_name(""));
    EXPECT_TRUE(is_slot_name("B\xc3\xbcro"));
    EXPECT_TRUE(is_slot_name("\xc2\xa0"));
    EXPECT_FALSE(is_slot_name("\xff"));
    EXPECT_FALSE(is_slot_name("cut \xc3"));
}

TEST_F(VaultConfigJson, SlotsOfUnknownKindsAreKeptAsTheyAre) {
    json changed = document;
    const json by_type = {{"id", 7}, {"type", "tpm2"}, {"handle", {{"deep", {1, 2.5, nullptr, "x"}}}}};
    json by_kdf = document["key_slots"][0];
    by_kdf["id"] = 9;
    by_kdf["kdf"] = "argon3";
    by_kdf["lanes"] = 4;
    changed["key_slots"] = {by_type, document["key_slots"][0], by_kdf};
    const VaultConfig read = from_json(changed.dump());
    ASSERT_EQ(read.slots.size(), 1u);
    ASSERT_EQ(read.foreign_slots.size(), 2u);
    EXPECT_EQ(read.foreign_slots[0].id, 7u);
    EXPECT_EQ(read.foreign_slots[0].kind, "tpm2");
    EXPECT_EQ(read.foreign_slots[1].kind, "argon3");
    EXPECT_TRUE(unlock(read, password("first")).master == vault.master);
    const json again = json::parse(to_json(read));
    EXPECT_EQ(again["key_slots"], json({document["key_slots"][0], by_type, by_kdf}));
    EXPECT_EQ(from_json(to_json(read)), read);
}

TEST_F(VaultConfigJson, SlotsOfUnknownKindsHaveAnIdOfTheirOwnAndAPlainKind) {
    json changed = document;
    changed["key_slots"].push_back({{"id", 0}, {"type", "tpm2"}});
    EXPECT_THAT(refusal_of(changed.dump()).text, HasSubstr("\"key_slots[1].id\""));
    for (const json& wrong : {json("\x1b[31m"), json(""), json("Two words"), json(7)}) {
        changed["key_slots"][1] = {{"id", 1}, {"type", wrong}};
        const Refusal refusal = refusal_of(changed.dump());
        EXPECT_EQ(refusal.code, Errc::corrupt) << wrong;
        EXPECT_THAT(refusal.text, HasSubstr("\"key_slots[1].type\""));
    }
}

TEST_F(VaultConfigJson, AVaultWithSlotsOfUnknownKindsOnlyNeedsANewerProgram) {
    json changed = document;
    changed["key_slots"][0]["type"] = "tpm2";
    const Refusal refusal = refusal_of(changed.dump());
    EXPECT_EQ(refusal.code, Errc::unsupported_format);
    EXPECT_THAT(refusal.text, AllOf(HasSubstr("tpm2"), HasSubstr("newer demofs")));
}

TEST_F(VaultConfigJson, WhatIsUnknownMayNotBeNestedWithoutEnd) {
    json nested = 1;
    for (int i = 0; i < 20; ++i) nested = json::array({nested});
    json changed = document;
    changed["key_slots"].push_back({{"id", 1}, {"type", "tpm2"}, {"more", nested}});
    const Refusal refusal = refusal_of(changed.dump());
    EXPECT_EQ(refusal.code, Errc::corrupt);
    EXPECT_THAT(refusal.text, HasSubstr("nested"));
}

TEST_F(VaultConfigJson, ANewerFormatIsToldApartFromDamage) {
    json changed = document;
    changed["format_version"] = 2;
    changed["something_new"] = "unknown to us";
    changed.erase("key_slots");
    const Refusal refusal = refusal_of(changed.dump());
    EXPECT_EQ(refusal.code, Errc::unsupported_format);
    EXPECT_THAT(refusal.text, AllOf(HasSubstr("version 2"), HasSubstr("version 1")));
}

TEST_F(VaultConfigJson, UnknownCiphersAndKdfsAreUnsupportedNotDamaged) {
    json changed = document;
    changed["cipher"] = "aes-512-xyz";
    EXPECT_EQ(refusal_of(changed.dump()).code, Errc::unsupported_format);
    changed = document;
    changed["key_slots"][0]["kdf"] = "scrypt";
    EXPECT_EQ(refusal_of(changed.dump()).code, Errc::unsupported_format);
}

TEST_F(VaultConfigJson, AFeatureIsNamedToWhoCannotReadIt) {
    json changed = document;
    ASSERT_EQ(document["features"], json::array());
    changed["features"] = {"extents-in-colour", "smell"};
    const Refusal refusal = refusal_of(changed.dump());
    EXPECT_EQ(refusal.code, Errc::unsupported_format);
    EXPECT_THAT(refusal.text, AllOf(HasSubstr("extents-in-colour"), HasSubstr("newer demofs")));
}

TEST_F(VaultConfigJson, FeaturesAreNamesInOrder) {
    for (const json& wrong : {json("a"), json::object(), json({7}), json({""}), json({"A"}), json({"a b"}),
                              json({std::string(65, 'a')}), json({"b", "a"}), json({"a", "a"})}) {
        json changed = document;
        changed["features"] = wrong;
        const Refusal refusal = refusal_of(changed.dump());
        EXPECT_EQ(refusal.code, Errc::corrupt) << wrong;
        EXPECT_THAT(refusal.text, HasSubstr("\"features"));
    }
}

TEST_F(VaultConfigJson, OtherDocumentsAreNoVault) {
    for (const char* text : {"{}", "[]", "17", "null", R"({"format": "cryfs"})", R"({"format": 1})"})
        EXPECT_EQ(refusal_of(text).code, Errc::not_a_vault) << text;
}

TEST_F(VaultConfigJson, EveryTruncationIsDamage) {
    const std::string text = to_json(vault.config);
    for (std::size_t size = 0; size < text.size() - 2; ++size)
        EXPECT_EQ(refusal_of(text.substr(0, size)).code, Errc::corrupt) << size << " bytes";
}

TEST_F(VaultConfigJson, EndlessAndDeeplyNestedTextsAreRefused) {
    EXPECT_EQ(refusal_of(std::string((1 << 20) + 1, ' ')).code, Errc::corrupt);
    EXPECT_EQ(refusal_of(std::string(500'000, '[')).code, Errc::corrupt);
}

}  // namespace
}  // namespace demofs::crypto
