// asyncdrop-discarded-guard: a guard, or the awaitable of a drop, that is made and thrown away.
//
// The compiler's [[nodiscard]] sees the plain cases; this one also sees casts to void, std::ignore, awaited factories,
// temporaries that are only asked something, a drop's awaitable in a variable that nobody awaits, and `||` and `&&` of
// awaitables that make guards.
#pragma once

#include <clang-tidy/ClangTidyCheck.h>

namespace asyncdrop_tidy {

class DiscardedGuardCheck : public clang::tidy::ClangTidyCheck {
  public:
    using ClangTidyCheck::ClangTidyCheck;

    bool isLanguageVersionSupported(const clang::LangOptions& language) const override {
        return language.CPlusPlus20;
    }
    void registerMatchers(clang::ast_matchers::MatchFinder* finder) override;
    void check(const clang::ast_matchers::MatchFinder::MatchResult& result) override;

  private:
    class Visitor;
};

}  // namespace asyncdrop_tidy
