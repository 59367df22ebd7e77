#include "use_after_drop_check.hpp"

#include <clang/ASTMatchers/ASTMatchers.h>

#include "guard_paths.hpp"
#include "types.hpp"

namespace asyncdrop_tidy {

using namespace clang;

void UseAfterDropCheck::registerMatchers(ast_matchers::MatchFinder* finder) {
    using namespace ast_matchers;
    finder->addMatcher(functionDecl(isDefinition(), unless(isExpansionInSystemHeader())).bind("function"),
                       this);
}

void UseAfterDropCheck::check(const ast_matchers::MatchFinder::MatchResult& result) {
    const auto* function = result.Nodes.getNodeAs<FunctionDecl>("function");
    if (!is_to_be_read(*function, *result.SourceManager)) return;
    const Body body = read_body(*function);
    for (const Place& place : body.places) {
        GuardWalk walk(*result.Context, *function, body, place, Throwing::none);
        walk.run();
        for (const LateUse& late : walk.late_uses()) {
            diag(
                late.where,
                "'%0' of type '%1' is used after its drop, which ends the program: nothing is in it any more")
                << place.guard->getName() << name_of(place.guard->getType());
            diag(late.dropped, "it is dropped here", DiagnosticIDs::Note);
        }
    }
}

}  // namespace asyncdrop_tidy
