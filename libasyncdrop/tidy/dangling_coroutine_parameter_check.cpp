#include "dangling_coroutine_parameter_check.hpp"

#include <clang/AST/ExprCXX.h>
#include <clang/AST/StmtCXX.h>
#include <clang/ASTMatchers/ASTMatchers.h>
#include <llvm/ADT/StringSwitch.h>

#include <optional>

#include "statements.hpp"
#include "types.hpp"

namespace asyncdrop_tidy {

using namespace clang;

namespace {

/// What something refers to.
struct Referent {
    enum class Lifetime {
        temporary,  ///< until the end of the full expression
        local,      ///< until the function returns
    };
    Lifetime lifetime;
    const VarDecl* variable;  ///< if local
};

/// What happens to a coroutine that was made, but not awaited there and then.
enum class Fate {
    kept,      ///< in a variable
    spawned,   ///< by co_spawn, and nobody waits
    handed,    ///< to co_spawn, and somebody waits: a future, say
    returned,  ///< by a function that is no coroutine
};

llvm::StringRef name_or_nothing(const NamedDecl& declaration) {
    const IdentifierInfo* name = declaration.getIdentifier();
    return name ? name->getName() : llvm::StringRef();
}

bool is_view(QualType type) {
    const CXXRecordDecl* record = type->getAsCXXRecordDecl();
    if (!record || !record->isInStdNamespace()) return false;
    const llvm::StringRef name = name_or_nothing(*record);
    return name == "basic_string_view" || name == "span";
}

bool refers(QualType type) {
    return type->isReferenceType() || is_view(type);
}

std::optional<Referent> referent_of(const Expr* expression, const FunctionDecl& function);

/// What a view that is made here shows.
std::optional<Referent> shown_by(const Expr* view, const FunctionDecl& function) {
    const Expr* core = plain(view);
    if (const auto* call = dyn_cast_or_null<CXXMemberCallExpr>(core)) {
        // std::string's conversion to a string_view
        if (isa_and_nonnull<CXXConversionDecl>(call->getMethodDecl()))
            return referent_of(call->getImplicitObjectArgument(), function);
        return std::nullopt;
    }
    if (const auto* made = dyn_cast_or_null<CXXConstructExpr>(core)) {
        for (const Expr* argument : made->arguments()) {
            const QualType type = argument->getType();
            const bool owns = type->isRecordType() && !is_view(type);
            if (owns || type->isArrayType()) return referent_of(argument, function);
        }
    }
    return std::nullopt;
}

/// What an expression that a reference binds to denotes, if that dies early.
std::optional<Referent> referent_of(const Expr* expression, const FunctionDecl& function) {
    if (const MaterializeTemporaryExpr* temporary = temporary_of(expression)) {
        const Expr* made = plain(temporary->getSubExpr());
        // The address of an empty object is of no interest: tags such as use_awaitable, lambdas without captures.
        const CXXRecordDecl* record = made ? made->getType()->getAsCXXRecordDecl() : nullptr;
        if (record && record->hasDefinition() && record->isEmpty()) return std::nullopt;
        if (made && is_view(made->getType()))
            return std::nullopt;  // a reference to a view, which shows something else
        if (temporary->getStorageDuration() == SD_FullExpression)
            return Referent{Referent::Lifetime::temporary, nullptr};
        return std::nullopt;
    }
    const Expr* inner = expression->IgnoreParenImpCasts();
    if (const auto* member = dyn_cast<MemberExpr>(inner)) {
        return member->isArrow() ? std::nullopt : referent_of(member->getBase(), function);
    }
    if (const Expr* given = moved(inner)) return referent_of(given, function);
    const auto* reference = dyn_cast<DeclRefExpr>(inner);
    const auto* variable = reference ? dyn_cast<VarDecl>(reference->getDecl()) : nullptr;
    const bool is_local = variable && variable->hasLocalStorage() &&
                          !variable->getType()->isReferenceType() && variable->getDeclContext() == &function;
    if (!is_local || is_view(variable->getType())) return std::nullopt;
    return Referent{Referent::Lifetime::local, variable};
}

bool is_spawn(const FunctionDecl* function) {
    return function && name_or_nothing(*function) == "co_spawn" &&
           function->getQualifiedNameAsString() == "boost::asio::co_spawn";
}

/// Whether a completion token makes somebody wait who is not a callback.
bool token_waits(QualType type) {
    const CXXRecordDecl* record = type.getNonReferenceType()->getAsCXXRecordDecl();
    return record && llvm::StringSwitch<bool>(name_or_nothing(*record))
                         .Cases("use_awaitable_t", "use_future_t", "deferred_t", "experimental_promise", true)
                         .Default(false);
}

/// A function that runs or waits for what it has spawned lets its variables live long enough.
bool runs_or_waits(const FunctionDecl& function) {
    bool runs = false;
    each_statement(function.getBody(), [&runs](const Stmt& statement) {
        const auto* call = dyn_cast<CXXMemberCallExpr>(&statement);
        const CXXMethodDecl* method = call ? call->getMethodDecl() : nullptr;
        if (!method) return;
        runs = runs || llvm::StringSwitch<bool>(name_or_nothing(*method))
                           .Cases("run", "run_one", "run_for", "run_until", "poll", "poll_one", "join",
                                  "wait", "get", true)
                           .Default(false);
    });
    return runs;
}

}  // namespace

class DanglingCoroutineParameterCheck::Visitor {
  public:
    Visitor(DanglingCoroutineParameterCheck& check, const FunctionDecl& function)
        : check_(check),
          function_(function),
          is_coroutine_(is_coroutine(function)),
          runs_itself_(!is_coroutine_ && runs_or_waits(function)) {}

    void visit(const Stmt& statement) {
        if (const auto* await = dyn_cast<CoawaitExpr>(&statement)) {
            if (const auto* call = dyn_cast_or_null<CallExpr>(plain(await->getOperand())))
                awaited_.insert(call);
        } else if (const auto* declarations = dyn_cast<DeclStmt>(&statement)) {
            for (const Decl* one : declarations->decls()) {
                const auto* variable = dyn_cast<VarDecl>(one);
                if (variable && variable->getInit() && is_awaitable(variable->getType()))
                    examine(variable->getInit(), Fate::kept);
            }
        } else if (const auto* answer = dyn_cast<ReturnStmt>(&statement)) {
            const Expr* value = answer->getRetValue();
            if (value && !is_coroutine_ && is_awaitable(value->getType())) examine(value, Fate::returned);
        } else if (const auto* call = dyn_cast<CallExpr>(&statement)) {
            if (!is_spawn(call->getDirectCallee()) || awaited_.contains(call) || call->getNumArgs() < 2)
                return;
            const bool waits = token_waits(call->getArg(call->getNumArgs() - 1)->getType());
            examine(call->getArg(1), waits ? Fate::handed : Fate::spawned);
        }
    }

  private:
    bool locals_die_early(Fate fate) const {
        return fate == Fate::returned || (fate == Fate::spawned && !runs_itself_);
    }
    bool dies_early(const Referent& referent, Fate fate) const {
        return referent.lifetime == Referent::Lifetime::temporary || locals_die_early(fate);
    }

    void examine(const Expr* coroutine, Fate fate) {
        const Expr* core = plain(coroutine);
        if (const Expr* given = moved(core)) core = given;
        if (const auto* reference = dyn_cast_or_null<DeclRefExpr>(core)) {
            // An awaitable that was kept before: only what its variable's initialiser refers to.
            const auto* variable = dyn_cast<VarDecl>(reference->getDecl());
            if (!variable || variable->getDeclContext() != &function_ || !variable->getInit() ||
                fate == Fate::kept)
                return;
            if (is_awaitable(variable->getType())) {
                examine_call(dyn_cast_or_null<CallExpr>(plain(variable->getInit())), fate,
                             /*temporaries_known=*/true);
            } else if (const auto* lambda = dyn_cast_or_null<LambdaExpr>(plain(variable->getInit()))) {
                examine_captures(*lambda, fate);
            }
            return;
        }
        if (const auto* lambda = dyn_cast_or_null<LambdaExpr>(core)) {
            examine_captures(*lambda, fate);  // co_spawn keeps the lambda itself
        } else {
            examine_call(dyn_cast_or_null<CallExpr>(core), fate, false);
        }
    }

    void examine_captures(const LambdaExpr& lambda, Fate fate) {
        if (!locals_die_early(fate)) return;
        for (const LambdaCapture& capture : lambda.captures()) {
            if (!capture.capturesVariable() || capture.getCaptureKind() != LCK_ByRef) continue;
            const auto* variable = dyn_cast<VarDecl>(capture.getCapturedVar());
            const bool is_local = variable && variable->hasLocalStorage() &&
                                  !variable->getType()->isReferenceType() &&
                                  variable->getDeclContext() == &function_;
            if (!is_local) continue;
            check_.diag(capture.getLocation().isValid() ? capture.getLocation() : lambda.getBeginLoc(),
                        "a coroutine that is spawned here refers to the local variable '%0', which may be "
                        "gone before it has "
                        "ended: capture by value, or wait for it")
                << variable->getName();
        }
    }

    void examine_call(const CallExpr* call, Fate fate, bool temporaries_known) {
        if (!call || !is_awaitable(call->getType())) return;
        const FunctionDecl* callee = call->getDirectCallee();
        if (!callee || is_librarys(*callee)) return;
        const FunctionDecl* definition = definition_of(*callee);
        const bool seen = definition && definition->getBody();
        if (seen ? !is_coroutine(*callee) : is_asios(*callee)) return;

        llvm::ArrayRef<const Expr*> arguments(call->getArgs(), call->getNumArgs());
        const auto* method = dyn_cast<CXXMethodDecl>(callee);
        if (const auto* member = dyn_cast<CXXMemberCallExpr>(call)) {
            examine_object(*member->getImplicitObjectArgument(), *callee, fate, temporaries_known);
        } else if (isa<CXXOperatorCallExpr>(call) && method && method->isInstance()) {
            examine_object(*arguments.front(), *callee, fate, temporaries_known);
            arguments = arguments.drop_front();
        }
        for (unsigned i = 0; i < arguments.size() && i < callee->getNumParams(); ++i) {
            const ParmVarDecl& parameter = *callee->getParamDecl(i);
            if (!refers(parameter.getType()) || isa<CXXDefaultArgExpr>(arguments[i])) continue;
            const std::optional<Referent> referent = is_view(parameter.getType())
                                                         ? shown_by(arguments[i], function_)
                                                         : referent_of(arguments[i], function_);
            if (!referent || !dies_early(*referent, fate)) continue;
            if (temporaries_known && referent->lifetime == Referent::Lifetime::temporary) continue;
            report(*arguments[i], *callee, parameter, *referent, fate);
        }
    }

    static bool is_asios(const FunctionDecl& function) {
        return llvm::StringRef(function.getQualifiedNameAsString()).starts_with("boost::");
    }

    // The object a member coroutine runs in; of a lambda, its captures.
    void examine_object(const Expr& object, const FunctionDecl& callee, Fate fate, bool temporaries_known) {
        const CXXRecordDecl* type =
            object.getType()->isPointerType() ? nullptr : object.getType()->getAsCXXRecordDecl();
        if (!type) return;
        const bool is_lambda = type->isLambda();
        if (is_lambda && type->capture_size() == 0) return;
        const std::optional<Referent> referent = referent_of(&object, function_);
        if (!referent || !dies_early(*referent, fate)) return;
        const bool is_temporary = referent->lifetime == Referent::Lifetime::temporary;
        if (is_temporary && temporaries_known) return;
        if (is_lambda) {
            check_.diag(object.getExprLoc(),
                        "the captures of this lambda die with it, %select{when the function returns|at the "
                        "end of this statement}0, "
                        "and its coroutine goes on using them: pass them as parameters by value")
                << is_temporary;
            return;
        }
        check_.diag(object.getExprLoc(),
                    "the coroutine '%0' runs in an object that may be gone before it has ended, "
                    "%select{the local variable '%2'|a temporary}1: keep the object, or wait for it")
            << callee.getNameAsString() << is_temporary
            << (referent->variable ? referent->variable->getName() : llvm::StringRef());
    }

    void report(const Expr& argument, const FunctionDecl& callee, const ParmVarDecl& parameter,
                const Referent& referent, Fate fate) {
        const std::string name =
            parameter.getName().empty() ? "without a name" : "'" + parameter.getNameAsString() + "'";
        const std::string type =
            parameter.getType().getAsString(parameter.getASTContext().getPrintingPolicy());
        if (referent.lifetime == Referent::Lifetime::temporary) {
            check_.diag(
                argument.getExprLoc(),
                "the parameter %0 of type '%1' of the coroutine '%2' refers to a temporary that is gone "
                "before the coroutine has ended: take it by value, or co_await it in this statement")
                << name << type << callee.getNameAsString();
            return;
        }
        check_.diag(
            argument.getExprLoc(),
            "the parameter %0 of type '%1' of the coroutine '%2' refers to the local variable '%3', which "
            "%select{may be|is}4 gone before the coroutine has ended: take it by value, or wait for it")
            << name << type << callee.getNameAsString() << referent.variable->getName()
            << (fate == Fate::returned);
    }

    DanglingCoroutineParameterCheck& check_;
    const FunctionDecl& function_;
    const bool is_coroutine_;
    const bool runs_itself_;
    llvm::SmallPtrSet<const CallExpr*, 8> awaited_;
};

void DanglingCoroutineParameterCheck::registerMatchers(ast_matchers::MatchFinder* finder) {
    using namespace ast_matchers;
    finder->addMatcher(functionDecl(isDefinition(), unless(isExpansionInSystemHeader())).bind("function"),
                       this);
}

void DanglingCoroutineParameterCheck::check(const ast_matchers::MatchFinder::MatchResult& result) {
    const auto* function = result.Nodes.getNodeAs<FunctionDecl>("function");
    if (!is_to_be_read(*function, *result.SourceManager)) return;
    Visitor visitor(*this, *function);
    each_statement(function->getBody(), [&visitor](const Stmt& statement) { visitor.visit(statement); });
}

}  // namespace asyncdrop_tidy
