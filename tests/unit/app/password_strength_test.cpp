#include "demofs/app/password_strength.hpp"

#include <gmock/gmock.h>

#include <string>

namespace demofs::app {
namespace {

using testing::HasSubstr;

std::string hint(std::string_view password) {
    return strength_hint(crypto::Password::copy_of(password));
}

TEST(PasswordStrength, OfWordsAndPatternsIsWeak) {
    EXPECT_THAT(hint("password"), HasSubstr("about one guess "));
    EXPECT_THAT(hint("Password1"), HasSubstr("about 10^1 guesses"));
    EXPECT_THAT(hint("sonnenblume2024"), HasSubstr("is weak"));
    EXPECT_THAT(hint("12345678901234567890"), HasSubstr("is weak"));
}

TEST(PasswordStrength, OfRandomWordsOrManyCharactersIsEnough) {
    EXPECT_EQ(hint("correct horse battery staple"), "");
    EXPECT_EQ(hint("kJ8#mP2xQ9"), "");
    EXPECT_EQ(hint(std::string(1000, 'x') + "y"), hint(std::string(64, 'x')));  // the beginning is judged
}

TEST(PasswordStrength, TakesBytesThatAreNoText) {
    EXPECT_THAT(hint(std::string_view("\0", 1)), HasSubstr("is weak"));  // ends there, for zxcvbn
    EXPECT_EQ(hint("\xf0\x9f\x90\x8e\xff\xfe\xc3\x28 kJ8#mP2"), "");
}

}  // namespace
}  // namespace demofs::app
