// asyncdrop-use-after-drop: a guard that is dereferenced on a path on which it has been dropped.
#pragma once

#include <clang-tidy/ClangTidyCheck.h>

namespace asyncdrop_tidy {

class UseAfterDropCheck : public clang::tidy::ClangTidyCheck {
  public:
    using ClangTidyCheck::ClangTidyCheck;

    bool isLanguageVersionSupported(const clang::LangOptions& language) const override {
        return language.CPlusPlus20;
    }
    void registerMatchers(clang::ast_matchers::MatchFinder* finder) override;
    void check(const clang::ast_matchers::MatchFinder::MatchResult& result) override;
};

}  // namespace asyncdrop_tidy
