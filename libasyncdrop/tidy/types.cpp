#include "types.hpp"

#include <clang/AST/ASTContext.h>
#include <clang/AST/DeclTemplate.h>
#include <clang/AST/ExprCXX.h>
#include <clang/AST/StmtCXX.h>
#include <clang/Basic/SourceManager.h>
#include <llvm/ADT/StringSwitch.h>

namespace asyncdrop_tidy {

using namespace clang;

namespace {

// Inline namespaces do not count.
bool is_in_namespace(const Decl& declaration, llvm::StringRef name) {
    for (const DeclContext* context = declaration.getDeclContext(); context; context = context->getParent()) {
        const auto* space = dyn_cast<NamespaceDecl>(context);
        if (space && space->getName() == name && space->getParent()->getRedeclContext()->isTranslationUnit())
            return true;
    }
    return false;
}

const CXXRecordDecl* record_of(QualType type) {
    if (type.isNull()) return nullptr;
    return type.getNonReferenceType()->getAsCXXRecordDecl();
}

bool has_member(const CXXRecordDecl& record, llvm::StringRef name) {
    const CXXRecordDecl* definition = record.getDefinition();
    if (!definition) {
        // A specialisation that nothing has instantiated yet: ask its template.
        const CXXRecordDecl* pattern = record.getTemplateInstantiationPattern();
        definition = pattern ? pattern->getDefinition() : nullptr;
    }
    if (!definition) return false;
    const DeclarationName wanted(&record.getASTContext().Idents.get(name));
    if (!definition->lookup(wanted).empty()) return true;
    for (const CXXBaseSpecifier& base : definition->bases()) {
        const CXXRecordDecl* parent = base.getType()->getAsCXXRecordDecl();
        if (!parent) {
            const auto* written = base.getType()->getAs<TemplateSpecializationType>();
            const TemplateDecl* made_from =
                written ? written->getTemplateName().getAsTemplateDecl() : nullptr;
            parent = made_from ? dyn_cast_or_null<CXXRecordDecl>(made_from->getTemplatedDecl()) : nullptr;
        }
        if (parent && has_member(*parent, name)) return true;
    }
    return false;
}

llvm::StringRef plain_name(const NamedDecl& declaration) {
    const IdentifierInfo* name = declaration.getIdentifier();
    return name ? name->getName() : llvm::StringRef();
}

}  // namespace

bool is_guard(QualType type) {
    const CXXRecordDecl* record = record_of(type);
    return record && is_in_namespace(*record, "asyncdrop") && has_member(*record, "async_drop") &&
           has_member(*record, "is_dropped");
}

bool holds_guard(QualType type) {
    if (is_guard(type)) return true;
    const auto* record = dyn_cast_or_null<ClassTemplateSpecializationDecl>(record_of(type));
    if (!record) return false;
    const auto holds = [](const TemplateArgument& argument) {
        return argument.getKind() == TemplateArgument::Type && holds_guard(argument.getAsType());
    };
    for (const TemplateArgument& argument : record->getTemplateArgs().asArray()) {
        if (holds(argument)) return true;
        if (argument.getKind() == TemplateArgument::Pack && llvm::any_of(argument.pack_elements(), holds))
            return true;
    }
    return false;
}

bool is_awaitable(QualType type) {
    const CXXRecordDecl* record = record_of(type);
    return record && plain_name(*record) == "awaitable" && is_in_namespace(*record, "boost");
}

QualType awaited_type(QualType type) {
    const auto* record = dyn_cast_or_null<ClassTemplateSpecializationDecl>(record_of(type));
    if (!record || record->getTemplateArgs().size() == 0) return {};
    const TemplateArgument& argument = record->getTemplateArgs()[0];
    return argument.getKind() == TemplateArgument::Type ? argument.getAsType() : QualType();
}

bool is_librarys(const Decl& declaration) {
    return is_in_namespace(declaration, "asyncdrop");
}

bool drops_its_arguments(const FunctionDecl& function) {
    if (!is_librarys(function)) return false;
    return llvm::StringSwitch<bool>(plain_name(function))
        .Cases("with_async_drop", "try_with_async_drop", "drop_in_order", "drop_concurrently", "drop_member",
               true)
        .Cases("async_drop_for", "try_async_drop_for", true)
        .Default(false);
}

GuardMember meaning_of(const CXXMethodDecl& method) {
    switch (method.getOverloadedOperator()) {
        case OO_Arrow:
        case OO_Star:
            return GuardMember::uses;
        case OO_Equal:
            return GuardMember::assigns;
        default:
            break;
    }
    if (isa<CXXConversionDecl>(method)) return GuardMember::tests_live;
    return llvm::StringSwitch<GuardMember>(plain_name(method))
        .Cases("async_drop", "try_async_drop", "async_drop_and_wait", "drop_now", GuardMember::drops)
        .Cases("clone", "get", "peek", GuardMember::uses)
        .Cases("own", "watch", "defer", GuardMember::fills)
        .Case("release", GuardMember::releases)
        .Case("is_dropped", GuardMember::tests_dropped)
        .Case("try_release", GuardMember::may_release)
        .Default(method.isConst() || method.isStatic() ? GuardMember::reads : GuardMember::unknown);
}

const FunctionDecl* definition_of(const FunctionDecl& function) {
    if (const FunctionDecl* definition = function.getDefinition()) return definition;
    const FunctionDecl* pattern = function.getTemplateInstantiationPattern();
    return pattern ? pattern->getDefinition() : nullptr;
}

bool is_coroutine(const FunctionDecl& function) {
    const FunctionDecl* definition = definition_of(function);
    return definition && isa_and_nonnull<CoroutineBodyStmt>(definition->getBody());
}

bool is_to_be_read(const FunctionDecl& function, const SourceManager& sources) {
    return function.doesThisDeclarationHaveABody() && !function.isDependentContext() &&
           !function.isDefaulted() && !sources.isInSystemHeader(function.getLocation()) &&
           !is_librarys(function);
}

std::string name_of(QualType type) {
    LangOptions language;
    language.CPlusPlus = true;
    PrintingPolicy policy(language);
    policy.SuppressTagKeyword = true;
    policy.SuppressDefaultTemplateArgs = true;
    return type.getNonReferenceType().getUnqualifiedType().getCanonicalType().getAsString(policy);
}

const Expr* plain(const Expr* expression) {
    while (expression) {
        const Expr* inner = expression->IgnoreParenImpCasts();
        if (const auto* cleanups = dyn_cast<FullExpr>(inner)) {
            inner = cleanups->getSubExpr();
        } else if (const auto* temporary = dyn_cast<MaterializeTemporaryExpr>(inner)) {
            inner = temporary->getSubExpr();
        } else if (const auto* bound = dyn_cast<CXXBindTemporaryExpr>(inner)) {
            inner = bound->getSubExpr();
        } else if (const auto* constructed = dyn_cast<CXXConstructExpr>(inner)) {
            // A move or a conversion of one thing, the rest being default arguments.
            const unsigned given = llvm::count_if(constructed->arguments(), [](const Expr* argument) {
                return !isa<CXXDefaultArgExpr>(argument);
            });
            const bool wraps = given == 1 && !isa<CXXTemporaryObjectExpr>(constructed) &&
                               constructed->getConstructor()->isCopyOrMoveConstructor();
            if (wraps) inner = constructed->getArg(0);
        }
        if (inner == expression) break;
        expression = inner;
    }
    return expression;
}

const MaterializeTemporaryExpr* temporary_of(const Expr* expression) {
    while (expression && !isa<MaterializeTemporaryExpr>(expression)) {
        if (const auto* whole = dyn_cast<FullExpr>(expression)) {
            expression = whole->getSubExpr();
        } else if (const auto* parentheses = dyn_cast<ParenExpr>(expression)) {
            expression = parentheses->getSubExpr();
        } else if (const auto* conversion = dyn_cast<ImplicitCastExpr>(expression)) {
            expression = conversion->getSubExpr();
        } else {
            return nullptr;
        }
    }
    return cast_or_null<MaterializeTemporaryExpr>(expression);
}

const Expr* moved(const Expr* expression) {
    const auto* call = dyn_cast_or_null<CallExpr>(plain(expression));
    const FunctionDecl* callee = call ? call->getDirectCallee() : nullptr;
    if (!callee || call->getNumArgs() != 1 || !callee->isInStdNamespace()) return nullptr;
    const llvm::StringRef name = plain_name(*callee);
    return name == "move" || name == "forward" ? plain(call->getArg(0)) : nullptr;
}

}  // namespace asyncdrop_tidy
