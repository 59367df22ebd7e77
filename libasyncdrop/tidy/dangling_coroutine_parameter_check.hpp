// asyncdrop-dangling-coroutine-parameter: a coroutine that runs on after what its parameters refer to has gone.
//
// A coroutine keeps references, string_views and spans as they are; what they refer to must live until it has ended.
// That is so if it is awaited in the same expression. It is not, for temporaries, if its awaitable is kept for later
// or spawned; and not, for local variables, if it is spawned and nobody waits for it there, or returned. A lambda is
// such a reference, too: its captures live in the lambda, not in the coroutine.
#pragma once

#include <clang-tidy/ClangTidyCheck.h>

namespace asyncdrop_tidy {

class DanglingCoroutineParameterCheck : public clang::tidy::ClangTidyCheck {
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
