// The expressions: what drops, moves, uses or hands on the guard, and what conditions tell.
#include <clang/AST/DeclCXX.h>
#include <clang/AST/ExprCXX.h>
#include <clang/AST/StmtCXX.h>

#include "guard_paths.hpp"
#include "types.hpp"

namespace asyncdrop_tidy {

using namespace clang;

namespace {

llvm::StringRef name_or_nothing(const FunctionDecl& function) {
    const IdentifierInfo* name = function.getIdentifier();
    return name ? name->getName() : llvm::StringRef();
}

bool can_throw(const FunctionDecl* callee) {
    const auto* type = callee ? callee->getType()->getAs<FunctionProtoType>() : nullptr;
    if (!type || isUnresolvedExceptionSpec(type->getExceptionSpecType())) return true;
    return type->canThrow() != CT_Cannot;
}

bool throws_by_name(const FunctionDecl& callee) {
    const llvm::StringRef name = name_or_nothing(callee);
    return callee.isInStdNamespace() && (name == "rethrow_exception" || name == "throw_with_nested");
}

/// this_coro::executor and its like: awaiting them never waits and never throws.
bool is_about_the_coroutine(QualType type) {
    const CXXRecordDecl* record = type.getNonReferenceType()->getAsCXXRecordDecl();
    const auto* space = record ? dyn_cast<NamespaceDecl>(record->getDeclContext()) : nullptr;
    return space && space->getName() == "this_coro";
}

bool is_null(const Expr* expression) {
    const Expr* core = plain(expression);
    return core && (isa<CXXNullPtrLiteralExpr>(core) || isa<GNUNullExpr>(core));
}

}  // namespace

bool GuardWalk::is_guard_here(const Expr* expression) const {
    return expression && named_by(expression, body_) == guard_;
}

const VarDecl* GuardWalk::flag(const Expr* expression) const {
    const auto* reference = dyn_cast_or_null<DeclRefExpr>(plain(expression));
    const auto* variable = reference ? dyn_cast<VarDecl>(reference->getDecl()) : nullptr;
    return variable && body_.flags.contains(variable) ? variable : nullptr;
}

Status GuardWalk::status_of(const Expr* initialiser) const {
    const Expr* core = plain(initialiser);
    if (!core) return Status::empty;
    if (const auto* list = dyn_cast<InitListExpr>(core)) {
        return list->getNumInits() == 0 ? Status::empty : Status::armed;
    }
    const auto* constructed = dyn_cast<CXXConstructExpr>(core);
    const auto is_default = [](const Expr* argument) { return isa<CXXDefaultArgExpr>(argument); };
    return constructed && llvm::all_of(constructed->arguments(), is_default) ? Status::empty : Status::armed;
}

void GuardWalk::found(Leak::Way way, SourceLocation where, const char* word) {
    const auto same = [&](const Leak& leak) { return leak.way == way && leak.where == where; };
    if (!llvm::any_of(leaks_, same)) leaks_.push_back({way, where, word});
}

void GuardWalk::drop(States& states, SourceLocation where) {
    ++drops_;
    if (returns_awaitable_ && kind_ == Place::Kind::owned) {
        const auto alive = [](const State& state) { return state.status == Status::armed; };
        if (!states.only(alive).empty()) found(Leak::Way::returned_awaitable, where, "return");
    }
    states.become(Status::dropped, where);
}

void GuardWalk::use(const States& states, SourceLocation where) {
    for (const State& state : states) {
        if (state.status != Status::dropped) continue;
        const auto same = [&](const LateUse& late) { return late.where == where; };
        if (!llvm::any_of(late_uses_, same)) late_uses_.push_back({where, state.since});
    }
}

void GuardWalk::evaluate(const Expr* expression, States& states) {
    if (!expression || states.empty() || expression->isTypeDependent()) return;
    switch (expression->getStmtClass()) {
        case Stmt::UnaryExprOrTypeTraitExprClass:
        case Stmt::CXXNoexceptExprClass:
        case Stmt::RequiresExprClass:
        case Stmt::CXXTypeidExprClass:
        case Stmt::CXXDefaultArgExprClass:
        case Stmt::CXXDefaultInitExprClass:
        case Stmt::OpaqueValueExprClass:
            return;
        case Stmt::LambdaExprClass:
            return evaluate_lambda(*cast<LambdaExpr>(expression), states);
        case Stmt::CoawaitExprClass:
        case Stmt::CoyieldExprClass:
            return evaluate_await(*cast<CoroutineSuspendExpr>(expression), states);
        case Stmt::CXXConstructExprClass:
        case Stmt::CXXTemporaryObjectExprClass:
            return evaluate_construction(*cast<CXXConstructExpr>(expression), states);
        case Stmt::CallExprClass:
        case Stmt::CXXMemberCallExprClass:
        case Stmt::CXXOperatorCallExprClass:
        case Stmt::UserDefinedLiteralClass:
            return evaluate_call(*cast<CallExpr>(expression), states);
        case Stmt::CXXRewrittenBinaryOperatorClass:
            return evaluate(cast<CXXRewrittenBinaryOperator>(expression)->getSemanticForm(), states);
        case Stmt::StmtExprClass:
            states = walk(cast<StmtExpr>(expression)->getSubStmt(), std::move(states));
            return;
        case Stmt::CXXThrowExprClass:
            evaluate(cast<CXXThrowExpr>(expression)->getSubExpr(), states);
            throw_from(states, Leak::Way::exception, expression->getExprLoc(), "throw", true);
            states.clear();
            return;
        case Stmt::ConditionalOperatorClass: {
            const auto& choice = *cast<ConditionalOperator>(expression);
            Branches ways = branch(choice.getCond(), std::move(states));
            evaluate(choice.getTrueExpr(), ways.yes);
            evaluate(choice.getFalseExpr(), ways.no);
            states = std::move(ways.yes);
            states.add(ways.no);
            return;
        }
        default:
            break;
    }
    if (const auto* cast_expression = dyn_cast<CastExpr>(expression)) {
        const Expr* inner = cast_expression->getSubExpr();
        const bool only_reads_it = cast_expression->getCastKind() == CK_LValueToRValue && flag(inner);
        const bool only_names_it = cast_expression->getCastKind() == CK_ToVoid && is_guard_here(inner);
        if (!only_reads_it && !only_names_it) evaluate(inner, states);
        return;
    }
    if (const auto* operation = dyn_cast<BinaryOperator>(expression)) {
        if (operation->isLogicalOp()) {
            Branches ways = branch(expression, std::move(states));
            states = std::move(ways.yes);
            states.add(ways.no);
            return;
        }
        if (operation->getOpcode() == BO_Assign) {
            evaluate(operation->getRHS(), states);
            return evaluate_assignment(operation->getLHS(), operation->getRHS(), states);
        }
    }
    if (isa<DeclRefExpr>(expression) || isa<MemberExpr>(expression)) {
        if (is_guard_here(expression)) {
            // In a context that is not understood: anything may happen to it from now on.
            states.become(Status::unknown, expression->getExprLoc());
        } else if (const VarDecl* variable = flag(expression)) {
            states.each([&](State& state) { state.forget(variable); });
        }
        if (isa<DeclRefExpr>(expression) || is_guard_here(expression)) return;
    }
    evaluate_parts(*expression, states);
}

void GuardWalk::evaluate_parts(const Expr& expression, States& states) {
    for (const Stmt* part : expression.children()) {
        if (const auto* inner = dyn_cast_or_null<Expr>(part)) evaluate(inner, states);
    }
}

void GuardWalk::evaluate_lambda(const LambdaExpr& lambda, States& states) {
    auto initialiser = lambda.capture_init_begin();
    for (const LambdaCapture& capture : lambda.captures()) {
        const Expr* value = *initialiser++;
        if (!capture.capturesVariable()) {
            // Of *this, whose members the lambda's body may drop or move.
            if (kind_ == Place::Kind::member) states.become(Status::unknown, lambda.getBeginLoc());
            continue;
        }
        if (const auto* made = dyn_cast<VarDecl>(capture.getCapturedVar()); made && made->isInitCapture()) {
            evaluate(made->getInit(), states);
        } else if (is_guard_here(value)) {
            if (!only_reads(*lambda.getBody(), *capture.getCapturedVar()))
                states.become(Status::unknown, capture.getLocation());
        }
    }
}

void GuardWalk::evaluate_await(const CoroutineSuspendExpr& await, States& states) {
    const unsigned drops_before = drops_;
    evaluate(await.getOperand(), states);
    if (is_about_the_coroutine(await.getOperand()->getType())) return;
    const bool is_the_drop = drops_ != drops_before;
    // Others run meanwhile, and may do something to what they know too.
    if (kind_ != Place::Kind::owned && !is_the_drop) states.become(Status::unknown, await.getKeywordLoc());
    may_throw(states, await.getKeywordLoc(), "co_await", throwing_ != Throwing::none);
}

void GuardWalk::evaluate_construction(const CXXConstructExpr& construction, States& states) {
    const llvm::ArrayRef<const Expr*> arguments(construction.getArgs(), construction.getNumArgs());
    evaluate_arguments(construction.getConstructor(), arguments, states);
    const bool throws = can_throw(construction.getConstructor());
    if (throws) may_throw(states, construction.getBeginLoc(), "call", throwing_ == Throwing::all);
}

void GuardWalk::evaluate_arguments(const FunctionDecl* callee, llvm::ArrayRef<const Expr*> arguments,
                                   States& states) {
    for (unsigned i = 0; i < arguments.size(); ++i) {
        const bool has_type = callee && i < callee->getNumParams();
        const QualType type = has_type ? callee->getParamDecl(i)->getType() : QualType();
        const bool by_const_reference =
            has_type && type->isReferenceType() && type.getNonReferenceType().isConstQualified();
        if (is_guard_here(arguments[i])) {
            if (!by_const_reference) pass(callee, i, arguments[i]->getExprLoc(), states);
        } else if (!(by_const_reference && flag(arguments[i]))) {
            evaluate(arguments[i], states);
        }
    }
}

// The guard itself is an argument: it can only be by reference.
void GuardWalk::pass(const FunctionDecl* callee, unsigned parameter, SourceLocation where, States& states) {
    if (callee && drops_its_arguments(*callee)) return drop(states, where);
    const FunctionDecl* definition = callee ? definition_of(*callee) : nullptr;
    if (definition && definition->getBody() && parameter < definition->getNumParams() &&
        !definition->isDependentContext() && !is_librarys(*definition) &&
        only_reads(*definition->getBody(), *definition->getParamDecl(parameter))) {
        return;
    }
    states.become(Status::unknown, where);
}

void GuardWalk::evaluate_call(const CallExpr& call, States& states) {
    const FunctionDecl* const callee = call.getDirectCallee();
    llvm::ArrayRef<const Expr*> arguments(call.getArgs(), call.getNumArgs());
    const auto* const method = dyn_cast_or_null<CXXMethodDecl>(callee);

    if (const Expr* given = moved(&call)) {
        if (is_guard_here(given)) {
            states.become(Status::empty, call.getExprLoc());
        } else {
            evaluate(given, states);
        }
        return;
    }

    const Expr* object = nullptr;
    if (const auto* member = dyn_cast<CXXMemberCallExpr>(&call)) {
        object = member->getImplicitObjectArgument();
    } else if (isa<CXXOperatorCallExpr>(call) && method && method->isInstance() && !arguments.empty()) {
        object = arguments.front();
        arguments = arguments.drop_front();
    } else if (!callee) {
        evaluate(call.getCallee(), states);
    }

    const bool of_the_guard = object && method && is_guard_here(object);
    const bool assigns = method && method->getOverloadedOperator() == OO_Equal && arguments.size() == 1;
    if (assigns) {  // first the right, then the left
        evaluate_arguments(callee, arguments, states);
        if (of_the_guard || flag(object)) {
            evaluate_assignment(object, arguments.front(), states);
        } else {
            evaluate(object, states);
        }
    } else {
        const bool looks_at_flag = flag(object) && method && method->isConst();
        if (object && !of_the_guard && !looks_at_flag) evaluate(object, states);
        evaluate_arguments(callee, arguments, states);
        if (of_the_guard) {
            call_member(*method, call, states);
        } else if (kind_ == Place::Kind::member && object && isa<CXXThisExpr>(plain(object)) &&
                   !method->isConst()) {
            states.become(Status::unknown, call.getExprLoc());
        }
    }

    if (callee && callee->isNoReturn()) {
        if (throws_by_name(*callee)) {
            throw_from(states, Leak::Way::exception, call.getExprLoc(), "throw", true);
        } else if (can_throw(callee)) {
            may_throw(states, call.getExprLoc(), "call", throwing_ == Throwing::all);
        }
        states.clear();
        return;
    }
    if (can_throw(callee)) may_throw(states, call.getExprLoc(), "call", throwing_ == Throwing::all);
}

void GuardWalk::call_member(const CXXMethodDecl& method, const CallExpr& call, States& states) {
    const SourceLocation where = call.getExprLoc();
    switch (meaning_of(method)) {
        case GuardMember::drops:
            return drop(states, where);
        case GuardMember::uses:
            return use(states, where);
        case GuardMember::fills:
            return states.become(Status::armed, where);
        case GuardMember::releases:
            return states.become(Status::empty, where);
        case GuardMember::reads:
            return;
        case GuardMember::tests_live:
        case GuardMember::tests_dropped:
            // Not in a condition: the answer goes somewhere, and what is done about it is not followed.
        case GuardMember::assigns:
        case GuardMember::may_release:
        case GuardMember::unknown:
            return states.become(Status::unknown, where);
    }
}

void GuardWalk::evaluate_assignment(const Expr* target, const Expr* value, States& states) {
    if (is_guard_here(target)) {
        const SourceLocation where = target->getExprLoc();
        const auto alive = [](const State& state) { return state.status == Status::armed; };
        if (kind_ == Place::Kind::owned && !states.only(alive).empty())
            found(Leak::Way::overwritten, where, "=");
        return states.become(kind_ == Place::Kind::owned ? status_of(value) : Status::unknown, where);
    }
    const VarDecl* variable = flag(target);
    if (!variable) return evaluate(target, states);
    std::optional<bool> truth;
    bool constant = false;
    const Expr* core = plain(value);
    const auto* call = dyn_cast_or_null<CallExpr>(core);
    const FunctionDecl* made_by = call ? call->getDirectCallee() : nullptr;
    if (made_by && made_by->isInStdNamespace()) {
        const llvm::StringRef name = name_or_nothing(*made_by);
        if (name == "current_exception" || name == "make_exception_ptr") truth = true;
    } else if (is_null(value)) {
        truth = false;
    } else if (core && !core->isValueDependent() && core->EvaluateAsBooleanCondition(constant, context_)) {
        truth = constant;
    }
    states.each([&](State& state) {
        state.forget(variable);
        if (truth) state.learn(variable, *truth);
    });
}

GuardWalk::Branches GuardWalk::branch_on_guard(GuardMember asked, SourceLocation where,
                                               const States& in) const {
    Branches ways;
    for (const State& state : in) {
        State yes = state;
        State no = state;
        const bool alive = state.status == Status::armed;
        const bool gone = state.status == Status::dropped;
        const bool is_unknown = state.status == Status::unknown;
        switch (asked) {
            case GuardMember::tests_live:
                if (is_unknown) no.status = Status::empty;
                if (!gone && state.status != Status::empty) ways.yes.add(std::move(yes));
                if (!alive) ways.no.add(std::move(no));
                break;
            case GuardMember::tests_dropped:
                if (is_unknown) {
                    yes.status = Status::dropped;
                    yes.since = where;
                }
                // An AsyncDropStack is "dropped" while nothing is in it.
                if (!alive) ways.yes.add(std::move(yes));
                if (!gone) ways.no.add(std::move(no));
                break;
            default:  // may_release
                yes.status = Status::dropped;
                yes.since = where;
                if (state.status != Status::empty && !gone) ways.yes.add(std::move(yes));
                ways.no.add(std::move(no));
                break;
        }
    }
    return ways;
}

GuardWalk::Branches GuardWalk::branch(const Expr* condition, States in) {
    const Expr* core = plain(condition);
    if (!core) return {in, in};
    if (const auto* negation = dyn_cast<UnaryOperator>(core); negation && negation->getOpcode() == UO_LNot) {
        Branches ways = branch(negation->getSubExpr(), std::move(in));
        std::swap(ways.yes, ways.no);
        return ways;
    }
    if (const auto* operation = dyn_cast<BinaryOperator>(core); operation && operation->isLogicalOp()) {
        const bool is_and = operation->getOpcode() == BO_LAnd;
        Branches left = branch(operation->getLHS(), std::move(in));
        Branches right = branch(operation->getRHS(), std::move(is_and ? left.yes : left.no));
        if (is_and) {
            right.no.add(left.no);
        } else {
            right.yes.add(left.yes);
        }
        return right;
    }

    // Asked of the guard, or of a flag.
    if (const auto* call = dyn_cast<CXXMemberCallExpr>(core)) {
        const CXXMethodDecl* method = call->getMethodDecl();
        const Expr* object = call->getImplicitObjectArgument();
        if (method && is_guard_here(object)) {
            const GuardMember asked = meaning_of(*method);
            if (asked == GuardMember::tests_live || asked == GuardMember::tests_dropped ||
                asked == GuardMember::may_release) {
                return branch_on_guard(asked, call->getExprLoc(), in);
            }
        }
        if (method && isa<CXXConversionDecl>(method) && flag(object)) core = plain(object);
    }
    // x == nullptr, x != nullptr, also as operators of a class
    const Expr* compared = nullptr;
    bool is_equal = true;
    if (const auto* operation = dyn_cast<BinaryOperator>(core); operation && operation->isEqualityOp()) {
        if (is_null(operation->getRHS())) compared = operation->getLHS();
        is_equal = operation->getOpcode() == BO_EQ;
    } else if (const auto* rewritten = dyn_cast<CXXRewrittenBinaryOperator>(core)) {
        const CXXRewrittenBinaryOperator::DecomposedForm form = rewritten->getDecomposedForm();
        if (is_null(form.RHS)) compared = form.LHS;
        is_equal = form.Opcode == BO_EQ;
    } else if (const auto* call = dyn_cast<CXXOperatorCallExpr>(core); call && call->getNumArgs() == 2) {
        const bool is_comparison =
            call->getOperator() == OO_EqualEqual || call->getOperator() == OO_ExclaimEqual;
        if (is_comparison && is_null(call->getArg(1))) compared = call->getArg(0);
        is_equal = call->getOperator() == OO_EqualEqual;
    }
    if (const VarDecl* variable = flag(compared ? compared : core)) {
        const bool yes_means = !compared || !is_equal;
        Branches ways;
        for (const State& state : in) {
            const std::optional<bool> truth = state.truth_of(variable);
            for (const bool value : {false, true}) {
                if (truth && *truth != value) continue;
                State learnt = state;
                learnt.learn(variable, value);
                (value == yes_means ? ways.yes : ways.no).add(std::move(learnt));
            }
        }
        return ways;
    }

    bool constant = false;
    if (!core->isValueDependent() && core->EvaluateAsBooleanCondition(constant, context_)) {
        return constant ? Branches{std::move(in), {}} : Branches{{}, std::move(in)};
    }
    evaluate(condition, in);
    return {in, in};
}

}  // namespace asyncdrop_tidy
