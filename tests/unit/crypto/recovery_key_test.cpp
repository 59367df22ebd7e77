#include "demofs/crypto/recovery_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <random>
#include <set>
#include <sstream>
#include <vector>

#include "demofs/crypto/recovery_words.hpp"
#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

using testing::HasSubstr;

using Words = std::vector<std::string>;

Words words_of(const SecretBytes& key) {
    std::istringstream text{std::string(as_text(recovery_key_text(key).bytes()))};
    return {std::istream_iterator<std::string>(text), {}};
}

std::string joined(const Words& words, const std::string& separator = " ") {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
    return text;
}

TypedRecoveryKey read(const std::string& text) {
    return read_recovery_key(as_bytes(text));
}

// Another word of the list.
std::string other_word(const std::string& word, std::mt19937_64& random) {
    for (;;) {
        std::string other(recovery_words[random() % recovery_words.size()]);
        if (other != word) return other;
    }
}

class RecoveryKey : public testing::Test {
  protected:
    const std::uint64_t seed = std::random_device()();
    std::mt19937_64 random{seed};
    const SecretBytes key = random_recovery_key();
    const Words words = words_of(key);

    void SetUp() override { RecordProperty("seed", std::to_string(seed)); }
    void TearDown() override {
        if (HasFailure()) std::cerr << "seed " << seed << ", key " << joined(words) << '\n';
    }
};

TEST(RecoveryWords, AreInOrderAndTheirFirstFourLettersTellThemApart) {
    EXPECT_TRUE(std::ranges::is_sorted(recovery_words));
    std::set<std::string_view> beginnings;
    for (const std::string_view word : recovery_words) {
        EXPECT_LE(word.size(), 8u);
        EXPECT_TRUE(std::ranges::all_of(word, [](char c) { return c >= 'a' && c <= 'z'; })) << word;
        beginnings.insert(word.substr(0, 4));
    }
    EXPECT_EQ(beginnings.size(), recovery_words.size());
    EXPECT_EQ(recovery_words.front(), "abandon");
    EXPECT_EQ(recovery_words.back(), "zoo");
}

TEST_F(RecoveryKey, IsFourteenWordsThatReadAsTheSameKey) {
    EXPECT_EQ(words.size(), recovery_key_words);
    const TypedRecoveryKey typed = read(joined(words));
    ASSERT_TRUE(typed.key) << typed.problem;
    EXPECT_TRUE(*typed.key == key);
    EXPECT_EQ(typed.problem, "");
}

TEST_F(RecoveryKey, IsAnotherEachTimeAndUsesTheWholeList) {
    std::set<std::string> seen;
    for (int i = 0; i < 4000; ++i)
        for (const std::string& word : words_of(random_recovery_key())) seen.insert(word);
    EXPECT_EQ(seen.size(), recovery_words.size());
}

TEST_F(RecoveryKey, MayBeTypedInAnyCaseAndWithAnySeparators) {
    for (const char* separator : {"  ", "-", ", ", "\t", " 7. ", "/", "\xc2\xa0"}) {
        std::string text = separator + joined(words, separator) + separator;
        EXPECT_TRUE(read(text).key) << text;
        std::ranges::transform(text, text.begin(),
                               [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
        EXPECT_TRUE(read(text).key) << text;
    }
}

TEST_F(RecoveryKey, OfOneWrongWordItIsToldWhichItIs) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        for (int round = 0; round < 50; ++round) {
            Words typed = words;
            typed[i] = other_word(typed[i], random);
            const TypedRecoveryKey wrong = read(joined(typed));
            EXPECT_FALSE(wrong.key);
            EXPECT_THAT(wrong.problem, HasSubstr("its word " + std::to_string(i + 1) + " "));
        }
    }
}

TEST_F(RecoveryKey, AWordThatIsNoneOfTheListIsToldByItsPlaceOnly) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        Words typed = words;
        typed[i] = "qwertz";
        const TypedRecoveryKey wrong = read(joined(typed));
        EXPECT_FALSE(wrong.key);
        EXPECT_THAT(wrong.problem, HasSubstr("its word " + std::to_string(i + 1) + " is none"));
        EXPECT_EQ(wrong.problem.find("qwertz"), std::string::npos) << "words of a key are secret";
    }
}

TEST_F(RecoveryKey, TwoWrongOrExchangedWordsAreAlwaysNoticed) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        for (std::size_t j = i + 1; j < words.size(); ++j) {
            Words typed = words;
            typed[i] = other_word(typed[i], random);
            typed[j] = other_word(typed[j], random);
            EXPECT_FALSE(read(joined(typed)).key);
            EXPECT_NE(read(joined(typed)).problem, "");
            typed = words;
            std::swap(typed[i], typed[j]);
            if (typed == words) continue;
            EXPECT_FALSE(read(joined(typed)).key);
            EXPECT_THAT(read(joined(typed)).problem, HasSubstr("not in their order"));
        }
    }
}

TEST_F(RecoveryKey, MissingAndSurplusWordsAreCounted) {
    Words typed = words;
    typed.pop_back();
    EXPECT_THAT(read(joined(typed)).problem, HasSubstr("it has 13 words"));
    typed = words;
    typed.push_back("zoo");
    EXPECT_THAT(read(joined(typed)).problem, HasSubstr("it has 15 words"));
    EXPECT_FALSE(read(joined(typed)).key);
}

TEST_F(RecoveryKey, OtherTextsAreNotTakenForOne) {
    for (const char* text :
         {"", " ", "a password", "correct horse battery staple",
          "the quick brown fox jumps over the lazy dog and so on until fourteen", "\xff\xfe"}) {
        EXPECT_FALSE(read(text).key) << text;
        EXPECT_EQ(read(text).problem, "") << text;
    }
}

// Computed with Python, with the field's products by long multiplication.
TEST(RecoveryKeyFormat, IsAnOnDiskConstant) {
    const Bytes bytes = crypto_test::from_hex(
        "0000"
        "0100"
        "0200"
        "ff07"
        "0004"
        "5501"
        "aa02"
        "3412"
        "0700"
        "e803"
        "dc05"
        "6300");
    Bytes valid = bytes;
    valid[15] = std::byte{0x02};  // 0x0234
    EXPECT_EQ(
        as_text(recovery_key_text(SecretBytes::copy_of(ByteSpan(valid))).bytes()),
        "abandon ability able zoo length click fetch educate abstract laptop romance arrest oval bacon");
    EXPECT_THROW((void)recovery_key_text(SecretBytes::copy_of(ByteSpan(bytes))), std::logic_error)
        << "0x1234 is no word";
    EXPECT_THROW((void)recovery_key_text(SecretBytes(23)), std::logic_error);
}

}  // namespace
}  // namespace demofs::crypto
