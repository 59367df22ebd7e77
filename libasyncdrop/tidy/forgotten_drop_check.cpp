#include "forgotten_drop_check.hpp"

#include <clang/ASTMatchers/ASTMatchers.h>

#include "types.hpp"

using namespace clang;

llvm::ArrayRef<std::pair<asyncdrop_tidy::Throwing, llvm::StringRef>>
tidy::OptionEnumMapping<asyncdrop_tidy::Throwing>::getEnumMapping() {
    using asyncdrop_tidy::Throwing;
    static constexpr std::pair<Throwing, llvm::StringRef> mapping[] = {
        {Throwing::none, "None"}, {Throwing::awaits, "Awaits"}, {Throwing::all, "All"}};
    return mapping;
}

namespace asyncdrop_tidy {

namespace {

// A message is for reading: the first ways out say enough.
constexpr std::size_t most_notes = 4;

const char* note_for(Leak::Way way) {
    switch (way) {
        case Leak::Way::end_of_scope:
            return "its scope ends here, and it may still be alive";
        case Leak::Way::exit:
        case Leak::Way::jump:
            return "this '%0' leaves it alive";
        case Leak::Way::exception:
            return "this exception leaves it alive";
        case Leak::Way::call:
            return "an exception of this '%0' leaves it alive";
        case Leak::Way::returned_awaitable:
            return "the awaitable that is returned here refers to it, and it dies with this '%0'";
        case Leak::Way::overwritten:
            break;
    }
    return "this assignment destroys what it holds";
}

}  // namespace

ForgottenDropCheck::ForgottenDropCheck(llvm::StringRef name, tidy::ClangTidyContext* context)
    : ClangTidyCheck(name, context), throwing_(Options.get("ThrowingCalls", Throwing::none)) {}

void ForgottenDropCheck::storeOptions(tidy::ClangTidyOptions::OptionMap& options) {
    Options.store(options, "ThrowingCalls", throwing_);
}

void ForgottenDropCheck::registerMatchers(ast_matchers::MatchFinder* finder) {
    using namespace ast_matchers;
    finder->addMatcher(functionDecl(isDefinition(), unless(isExpansionInSystemHeader())).bind("function"),
                       this);
}

void ForgottenDropCheck::check(const ast_matchers::MatchFinder::MatchResult& result) {
    const auto* function = result.Nodes.getNodeAs<FunctionDecl>("function");
    if (!is_to_be_read(*function, *result.SourceManager)) return;
    const Body body = read_body(*function);
    for (const Place& place : body.places) {
        if (place.kind != Place::Kind::owned) continue;
        GuardWalk walk(*result.Context, *function, body, place, throwing_);
        walk.run();
        report(place, walk);
    }
}

void ForgottenDropCheck::report(const Place& place, const GuardWalk& walk) {
    const std::string type = name_of(place.guard->getType());
    std::vector<const Leak*> deaths;
    for (const Leak& leak : walk.leaks()) {
        if (leak.way != Leak::Way::overwritten) {
            deaths.push_back(&leak);
            continue;
        }
        diag(leak.where,
             "'%0' of type '%1' is assigned over while it may be alive, which ends the program: "
             "co_await its async_drop() before")
            << place.guard->getName() << type;
    }
    if (deaths.empty()) return;
    if (place.guard->getName().empty()) {
        diag(place.guard->getLocation(), "the parameter of type '%0' has no name, so that nobody can drop it")
            << type;
        return;
    }
    diag(place.guard->getLocation(),
         "'%0' of type '%1' can die without its drop: co_await its async_drop() on every path, move it "
         "to somebody who does, or leave both to asyncdrop::with_async_drop")
        << place.guard->getName() << type;
    for (std::size_t i = 0; i < deaths.size() && i < most_notes; ++i) {
        diag(deaths[i]->where, note_for(deaths[i]->way), DiagnosticIDs::Note) << deaths[i]->word;
    }
}

}  // namespace asyncdrop_tidy
