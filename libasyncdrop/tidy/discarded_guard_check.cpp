#include "discarded_guard_check.hpp"

#include <clang/AST/ExprCXX.h>
#include <clang/AST/StmtCXX.h>
#include <clang/ASTMatchers/ASTMatchers.h>

#include "statements.hpp"
#include "types.hpp"

namespace asyncdrop_tidy {

using namespace clang;

namespace {

/// The call below casts, temporaries and std::move, if it is one of the library's that returns an awaitable.
const FunctionDecl* awaitable_of_the_library(const Expr* expression) {
    const Expr* core = plain(expression);
    const auto* call = dyn_cast_or_null<CallExpr>(core);
    const FunctionDecl* callee = call ? call->getDirectCallee() : nullptr;
    return callee && is_librarys(*callee) && is_awaitable(call->getType()) ? callee : nullptr;
}

bool is_made_empty(const Expr& core) {
    const auto* constructed = dyn_cast<CXXConstructExpr>(&core);
    return constructed && llvm::all_of(constructed->arguments(),
                                       [](const Expr* argument) { return isa<CXXDefaultArgExpr>(argument); });
}

/// The guard made by a prvalue that is not kept, or null.
const Expr* temporary_guard(const Expr* expression) {
    const MaterializeTemporaryExpr* temporary = temporary_of(expression);
    if (!temporary || temporary->getStorageDuration() != SD_FullExpression || !is_guard(temporary->getType()))
        return nullptr;
    const Expr* core = plain(temporary);
    return core && !is_made_empty(*core) ? core : nullptr;
}

}  // namespace

class DiscardedGuardCheck::Visitor {
  public:
    explicit Visitor(DiscardedGuardCheck& check) : check_(check) {}

    void visit(const Stmt& statement) {
        if (const auto* block = dyn_cast<CompoundStmt>(&statement)) {
            for (const Stmt* part : block->body()) discarded(part);
        } else if (const auto* branch = dyn_cast<IfStmt>(&statement)) {
            discarded(branch->getThen());
            discarded(branch->getElse());
        } else if (const auto* while_loop = dyn_cast<WhileStmt>(&statement)) {
            discarded(while_loop->getBody());
        } else if (const auto* do_loop = dyn_cast<DoStmt>(&statement)) {
            discarded(do_loop->getBody());
        } else if (const auto* range_loop = dyn_cast<CXXForRangeStmt>(&statement)) {
            discarded(range_loop->getBody());
        } else if (const auto* for_loop = dyn_cast<ForStmt>(&statement)) {
            discarded(for_loop->getInit());
            discarded(for_loop->getInc());
            discarded(for_loop->getBody());
        } else if (const auto* one_case = dyn_cast<SwitchCase>(&statement)) {
            discarded(one_case->getSubStmt());
        } else if (const auto* cast_expression = dyn_cast<ExplicitCastExpr>(&statement)) {
            if (cast_expression->getType()->isVoidType()) discarded(cast_expression->getSubExpr());
        } else if (const auto* operation = dyn_cast<BinaryOperator>(&statement)) {
            if (operation->getOpcode() == BO_Comma) discarded(operation->getLHS());
        } else if (const auto* declarations = dyn_cast<DeclStmt>(&statement)) {
            for (const Decl* one : declarations->decls()) {
                if (const auto* variable = dyn_cast<VarDecl>(one)) declared(*variable);
            }
        } else if (const auto* call = dyn_cast<CallExpr>(&statement)) {
            called(*call);
        }
    }

  private:
    void declared(const VarDecl& variable) {
        if (!variable.hasLocalStorage() || variable.isReferenced() || !variable.getInit()) return;
        const FunctionDecl* made_by = awaitable_of_the_library(variable.getInit());
        if (!made_by || !is_awaitable(variable.getType())) return;
        check_.diag(variable.getLocation(),
                    "the awaitable of '%0' is kept in '%1', which nobody awaits: nothing happens until "
                    "somebody does")
            << made_by->getNameAsString() << variable.getName();
    }

    void called(const CallExpr& call) {
        const FunctionDecl* callee = call.getDirectCallee();
        if (!callee) return;
        const auto* method = dyn_cast<CXXMethodDecl>(callee);
        unsigned first = 0;
        if (const auto* member = dyn_cast<CXXMemberCallExpr>(&call)) {
            asked(*member->getImplicitObjectArgument(), method);
        } else if (isa<CXXOperatorCallExpr>(call) && method && method->isInstance()) {
            asked(*call.getArg(0), method);
            first = 1;
        }
        for (unsigned i = first; i < call.getNumArgs(); ++i) {
            const unsigned parameter = i - first;
            if (parameter >= callee->getNumParams()) break;
            const QualType type = callee->getParamDecl(parameter)->getType();
            const bool only_looks =
                type->isLValueReferenceType() && type.getNonReferenceType().isConstQualified();
            const Expr* made = only_looks ? temporary_guard(call.getArg(i)) : nullptr;
            if (made) thrown_away(*made);
        }
        if (const auto* operation = dyn_cast<CXXOperatorCallExpr>(&call)) visit_operator(*operation, *callee);
    }

    void visit_operator(const CXXOperatorCallExpr& operation, const FunctionDecl& callee) {
        if (operation.getOperator() == OO_Equal) {
            const auto* target = dyn_cast<DeclRefExpr>(plain(operation.getArg(0)));
            const ValueDecl* ignore = target ? target->getDecl() : nullptr;
            if (ignore && ignore->isInStdNamespace() && ignore->getName() == "ignore")
                discarded(operation.getArg(1));
            return;
        }
        const bool is_or = operation.getOperator() == OO_PipePipe;
        if ((!is_or && operation.getOperator() != OO_AmpAmp) || operation.getNumArgs() != 2) return;
        if (callee.getNameInfo().getName().getCXXOverloadedOperator() == OO_None) return;
        for (const Expr* side : operation.arguments()) {
            if (!is_awaitable(side->getType()) || !holds_guard(awaited_type(side->getType()))) continue;
            check_.diag(operation.getOperatorLoc(),
                        "'%0' loses the guard of type '%1' of %select{a side whose other side fails|the side "
                        "that comes too late}2: "
                        "it is thrown away without its drop; let each side open and close its own")
                << (is_or ? "||" : "&&") << name_of(awaited_type(side->getType())) << is_or;
            return;
        }
    }

    // A statement whose value nobody takes.
    void discarded(const Stmt* statement) {
        const auto* expression = dyn_cast_or_null<Expr>(statement);
        if (!expression || expression->isTypeDependent()) return;
        if (const auto* cast = dyn_cast<ExplicitCastExpr>(expression->IgnoreParens());
            cast && cast->getType()->isVoidType()) {
            return;  // visited as a cast
        }
        const Expr* core = plain(expression);
        if (core->isGLValue()) return;
        if (is_guard(core->getType())) {
            if (!is_made_empty(*core)) thrown_away(*core);
        } else if (const FunctionDecl* made_by = awaitable_of_the_library(core)) {
            check_.diag(core->getExprLoc(),
                        "the awaitable of '%0' is thrown away: nothing happens until it is awaited")
                << made_by->getNameAsString();
        }
    }

    // A temporary that is only asked something.
    void asked(const Expr& object, const CXXMethodDecl* method) {
        if (!method || method->getRefQualifier() == RQ_RValue) return;
        if (const Expr* made = temporary_guard(&object)) thrown_away(*made);
    }

    void thrown_away(const Expr& made) {
        check_.diag(made.getExprLoc(),
                    "a guard of type '%0' is made here and thrown away without its drop: give it a name and "
                    "co_await its async_drop()")
            << name_of(made.getType());
    }

    DiscardedGuardCheck& check_;
};

void DiscardedGuardCheck::registerMatchers(ast_matchers::MatchFinder* finder) {
    using namespace ast_matchers;
    finder->addMatcher(functionDecl(isDefinition(), unless(isExpansionInSystemHeader())).bind("function"),
                       this);
}

void DiscardedGuardCheck::check(const ast_matchers::MatchFinder::MatchResult& result) {
    const auto* function = result.Nodes.getNodeAs<FunctionDecl>("function");
    if (!is_to_be_read(*function, *result.SourceManager)) return;
    Visitor visitor(*this);
    each_statement(function->getBody(), [&visitor](const Stmt& statement) { visitor.visit(statement); });
}

}  // namespace asyncdrop_tidy
