// asyncdrop-forgotten-drop: a guard that can reach the end of its scope alive.
#pragma once

#include <clang-tidy/ClangTidyCheck.h>

#include "guard_paths.hpp"

namespace asyncdrop_tidy {

class ForgottenDropCheck : public clang::tidy::ClangTidyCheck {
  public:
    ForgottenDropCheck(llvm::StringRef name, clang::tidy::ClangTidyContext* context);

    void storeOptions(clang::tidy::ClangTidyOptions::OptionMap& options) override;
    bool isLanguageVersionSupported(const clang::LangOptions& language) const override {
        return language.CPlusPlus20;
    }
    void registerMatchers(clang::ast_matchers::MatchFinder* finder) override;
    void check(const clang::ast_matchers::MatchFinder::MatchResult& result) override;

  private:
    void report(const Place& place, const GuardWalk& walk);

    const Throwing throwing_;
};

}  // namespace asyncdrop_tidy

/// The values of the option ThrowingCalls.
template <>
struct clang::tidy::OptionEnumMapping<asyncdrop_tidy::Throwing> {
    static llvm::ArrayRef<std::pair<asyncdrop_tidy::Throwing, llvm::StringRef>> getEnumMapping();
};
