#include "body_reader.hpp"

#include <clang/AST/DeclCXX.h>
#include <clang/AST/ExprCXX.h>
#include <clang/AST/StmtCXX.h>

#include "statements.hpp"
#include "types.hpp"

namespace asyncdrop_tidy {

using namespace clang;

namespace {

bool can_be_flag(QualType type) {
    if (type->isBooleanType() || type->isPointerType()) return true;
    const CXXRecordDecl* record = type->getAsCXXRecordDecl();
    if (!record || !record->hasDefinition() || is_guard(type)) return false;
    for (const NamedDecl* conversion : record->getVisibleConversionFunctions()) {
        const auto* function = dyn_cast<CXXConversionDecl>(conversion->getUnderlyingDecl());
        if (function && function->getConversionType()->isBooleanType()) return true;
    }
    return false;
}

class Reader {
  public:
    Reader(const FunctionDecl& function, Body& body) : function_(function), body_(body) {}

    void finish() {
        for (const auto& [variable, weight] : weights_)
            if (weight >= 2 && !unstable_.contains(variable)) body_.flags.insert(variable);
    }

    void add_parameter(const ParmVarDecl& parameter) {
        if (!is_guard(parameter.getType())) return;
        const bool owned = !parameter.getType()->isReferenceType();
        add(&parameter, owned ? Place::Kind::owned : Place::Kind::borrowed);
    }

    void read(const Stmt* code) {
        each_statement(code, [this](const Stmt& statement) { visit(statement); });
    }

  private:
    void visit(const Stmt& statement) {
        if (const auto* declarations = dyn_cast<DeclStmt>(&statement)) {
            for (const Decl* one : declarations->decls()) {
                if (const auto* variable = dyn_cast<VarDecl>(one)) declared(*variable);
            }
        } else if (const auto* reference = dyn_cast<DeclRefExpr>(&statement)) {
            const auto* variable = dyn_cast<VarDecl>(reference->getDecl());
            // Already there if it is declared here.
            if (variable && is_guard(variable->getType()) && !body_.aliases.count(variable))
                add(variable, Place::Kind::borrowed);
        } else if (const auto* member = dyn_cast<MemberExpr>(&statement)) {
            const bool own =
                isa<FieldDecl>(member->getMemberDecl()) && isa<CXXThisExpr>(plain(member->getBase()));
            if (own && is_guard(member->getType())) add(member->getMemberDecl(), Place::Kind::member);
        } else if (const auto* lambda = dyn_cast<LambdaExpr>(&statement)) {
            for (const LambdaCapture& capture : lambda->captures()) {
                if (!capture.capturesVariable() || capture.getCaptureKind() != LCK_ByRef) continue;
                if (const auto* variable = dyn_cast<VarDecl>(capture.getCapturedVar()))
                    unstable_.insert(variable);
            }
        } else if (const auto* unary = dyn_cast<UnaryOperator>(&statement)) {
            if (unary->getOpcode() == UO_AddrOf) mark_unstable(unary->getSubExpr());
        } else if (const auto* binary = dyn_cast<BinaryOperator>(&statement)) {
            if (binary->getOpcode() == BO_Assign) note_constant(binary->getLHS());
        } else if (const auto* call = dyn_cast<CXXOperatorCallExpr>(&statement)) {
            if (call->getOperator() == OO_Equal) note_constant(call->getArg(0));
        } else if (const auto* branch = dyn_cast<IfStmt>(&statement)) {
            note_condition(branch->getCond());
        } else if (const auto* while_loop = dyn_cast<WhileStmt>(&statement)) {
            note_condition(while_loop->getCond());
        } else if (const auto* do_loop = dyn_cast<DoStmt>(&statement)) {
            note_condition(do_loop->getCond());
        } else if (const auto* for_loop = dyn_cast<ForStmt>(&statement)) {
            note_condition(for_loop->getCond());
        } else if (const auto* choice = dyn_cast<ConditionalOperator>(&statement)) {
            note_condition(choice->getCond());
        } else if (isa<LabelStmt>(statement) || isa<IndirectGotoStmt>(statement)) {
            body_.has_goto = true;
        }
    }

    void declared(const VarDecl& variable) {
        const Expr* const initialiser = variable.getInit();
        const bool is_reference = variable.getType()->isReferenceType();
        if (const auto* taken_apart = dyn_cast<DecompositionDecl>(&variable)) {
            for (const BindingDecl* binding : taken_apart->bindings()) {
                if (is_guard(binding->getType()))
                    add(binding, is_reference ? Place::Kind::borrowed : Place::Kind::owned);
            }
            return;
        }
        if (is_reference) {
            mark_unstable(initialiser);
            if (is_guard(variable.getType()) && initialiser) refers_to(variable, *initialiser);
            return;
        }
        if (is_guard(variable.getType())) {
            add(&variable, variable.hasLocalStorage() ? Place::Kind::owned : Place::Kind::borrowed);
        }
        const bool is_constant = initialiser && initialiser->getType()->isBooleanType() &&
                                 !initialiser->isValueDependent() &&
                                 initialiser->isEvaluatable(function_.getASTContext());
        if (is_constant && may_be_flag(variable)) ++weights_[&variable];
    }

    void refers_to(const VarDecl& variable, const Expr& initialiser) {
        const Expr* other = moved(&initialiser);
        if (other || named_by(&initialiser, body_)) {
            body_.aliases[&variable] = other ? other : &initialiser;
            return;
        }
        // A temporary that lives as long as its name is as good as a variable.
        add(&variable, temporary_of(&initialiser) ? Place::Kind::owned : Place::Kind::borrowed);
    }

    void add(const ValueDecl* guard, Place::Kind kind) {
        if (seen_.insert(guard).second) body_.places.push_back({guard, kind});
    }
    void mark_unstable(const Expr* expression) {
        const auto* reference = dyn_cast_or_null<DeclRefExpr>(plain(expression));
        const auto* variable = reference ? dyn_cast<VarDecl>(reference->getDecl()) : nullptr;
        if (variable) unstable_.insert(variable);
    }
    void note_constant(const Expr* assigned) {
        const auto* named = dyn_cast<DeclRefExpr>(plain(assigned));
        const auto* variable = named ? dyn_cast<VarDecl>(named->getDecl()) : nullptr;
        if (variable && may_be_flag(*variable)) ++weights_[variable];
    }
    void note_condition(const Expr* condition) {
        each_statement(condition, [this](const Stmt& statement) {
            const auto* reference = dyn_cast<DeclRefExpr>(&statement);
            const auto* variable = reference ? dyn_cast<VarDecl>(reference->getDecl()) : nullptr;
            if (variable && may_be_flag(*variable)) ++weights_[variable];
        });
    }
    bool may_be_flag(const VarDecl& variable) const {
        return variable.hasLocalStorage() && variable.getDeclContext() == &function_ &&
               can_be_flag(variable.getType());
    }

    const FunctionDecl& function_;
    Body& body_;
    llvm::DenseSet<const ValueDecl*> seen_;
    llvm::DenseSet<const VarDecl*> unstable_;
    llvm::DenseMap<const VarDecl*, int> weights_;
};

bool leaves_alone(const CXXMethodDecl& method) {
    switch (meaning_of(method)) {
        case GuardMember::uses:
        case GuardMember::reads:
        case GuardMember::tests_live:
        case GuardMember::tests_dropped:
            return true;
        default:
            return false;
    }
}

bool is_reference_to(const Expr* expression, const ValueDecl& guard) {
    const auto* reference = dyn_cast_or_null<DeclRefExpr>(plain(expression));
    return reference && reference->getDecl() == &guard;
}

/// How many of a call's mentions of a guard, as its object or as an argument, leave it as it is.
unsigned harmless_mentions(const CallExpr& call, const ValueDecl& guard) {
    const FunctionDecl* const function = call.getDirectCallee();
    if (!function) return 0;
    const auto* const method = dyn_cast<CXXMethodDecl>(function);
    unsigned harmless = 0;
    unsigned first = 0;
    if (const auto* member = dyn_cast<CXXMemberCallExpr>(&call)) {
        harmless +=
            method && is_reference_to(member->getImplicitObjectArgument(), guard) && leaves_alone(*method);
    } else if (isa<CXXOperatorCallExpr>(call) && method && method->isInstance()) {
        harmless += is_reference_to(call.getArg(0), guard) && leaves_alone(*method);
        first = 1;
    }
    for (unsigned i = first; i < call.getNumArgs() && i - first < function->getNumParams(); ++i) {
        const QualType type = function->getParamDecl(i - first)->getType();
        const bool only_looks =
            type->isLValueReferenceType() && type.getNonReferenceType().isConstQualified();
        harmless += only_looks && is_reference_to(call.getArg(i), guard);
    }
    return harmless;
}

}  // namespace

Body read_body(const FunctionDecl& function) {
    Body body;
    Reader reader(function, body);
    for (const ParmVarDecl* parameter : function.parameters()) reader.add_parameter(*parameter);
    if (const auto* constructor = dyn_cast<CXXConstructorDecl>(&function)) {
        for (const CXXCtorInitializer* initialiser : constructor->inits())
            reader.read(initialiser->getInit());
    }
    reader.read(function.getBody());
    reader.finish();
    return body;
}

const ValueDecl* named_by(const Expr* expression, const Body& body) {
    for (int links = 0; links < 16; ++links) {
        const Expr* core = plain(expression);
        if (!core) return nullptr;
        if (const auto* call = dyn_cast<CallExpr>(core)) {
            const FunctionDecl* callee = call->getDirectCallee();
            const bool only_a_view = callee && callee->isInStdNamespace() && callee->getIdentifier() &&
                                     callee->getName() == "as_const" && call->getNumArgs() == 1;
            if (!only_a_view) return nullptr;
            expression = call->getArg(0);
            continue;
        }
        if (const auto* member = dyn_cast<MemberExpr>(core)) {
            const bool own =
                isa<FieldDecl>(member->getMemberDecl()) && isa<CXXThisExpr>(plain(member->getBase()));
            return own ? member->getMemberDecl() : nullptr;
        }
        const auto* reference = dyn_cast<DeclRefExpr>(core);
        if (!reference) return nullptr;
        const auto* variable = dyn_cast<VarDecl>(reference->getDecl());
        const auto alias = variable ? body.aliases.find(variable) : body.aliases.end();
        if (alias == body.aliases.end()) return reference->getDecl();
        expression = alias->second;
    }
    return nullptr;
}

bool only_reads(const Stmt& code, const ValueDecl& guard) {
    unsigned mentions = 0;
    unsigned harmless = 0;
    each_statement(&code, [&](const Stmt& statement) {
        if (const auto* reference = dyn_cast<DeclRefExpr>(&statement))
            mentions += reference->getDecl() == &guard;
        if (const auto* call = dyn_cast<CallExpr>(&statement)) harmless += harmless_mentions(*call, guard);
    });
    return mentions == harmless;
}

}  // namespace asyncdrop_tidy
