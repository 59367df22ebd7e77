// The statements: scopes, branches, loops, handlers, and the ways out.
#include "guard_paths.hpp"

#include <clang/AST/DeclCXX.h>
#include <clang/AST/ExprCXX.h>
#include <clang/AST/StmtCXX.h>

#include "types.hpp"

namespace asyncdrop_tidy {

using namespace clang;

/// Counts the scopes around a place.
class GuardWalk::Scope {
  public:
    explicit Scope(GuardWalk& walk) : walk_(walk) { ++walk_.depth_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { --walk_.depth_; }

  private:
    GuardWalk& walk_;
};

GuardWalk::GuardWalk(ASTContext& context, const FunctionDecl& function, const Body& body, const Place& place,
                     Throwing throwing)
    : context_(context),
      function_(function),
      body_(body),
      guard_(place.guard),
      kind_(place.kind),
      throwing_(throwing),
      is_coroutine_(is_coroutine(function)) {}

void GuardWalk::run() {
    const Stmt* code = function_.getBody();
    if (!code || body_.has_goto) return;
    if (const auto* coroutine = dyn_cast<CoroutineBodyStmt>(code)) code = coroutine->getBody();

    State first;
    const auto* parameter = dyn_cast<ParmVarDecl>(guard_);
    const bool is_parameter = parameter && parameter->getDeclContext() == &function_;
    if (is_parameter && kind_ == Place::Kind::owned) {
        first.status = Status::armed;
        first.since = guard_->getLocation();
    } else if (is_parameter || kind_ == Place::Kind::member) {
        first.status = Status::unknown;
    } else {
        const auto* variable = dyn_cast<VarDecl>(guard_);
        const bool is_outside = variable && variable->getDeclContext() != &function_;
        first.status = is_outside ? Status::unknown : Status::outside;
    }

    Scope scope(*this);
    guard_depth_ = first.status == Status::outside ? ~0u : depth_;
    States states(std::move(first));
    if (const auto* constructor = dyn_cast<CXXConstructorDecl>(&function_)) {
        for (const CXXCtorInitializer* initialiser : constructor->inits())
            evaluate(initialiser->getInit(), states);
    }
    states = walk(code, std::move(states));
    end_scope(states, code->getEndLoc());
}

void GuardWalk::end_scope(States& states, SourceLocation where) {
    if (guard_depth_ == depth_) leave(states, Leak::Way::end_of_scope, where, "");
}

void GuardWalk::leave(States& states, Leak::Way way, SourceLocation where, const char* word, bool counts) {
    states.each([&](State& state) {
        if (counts && kind_ == Place::Kind::owned && state.status == Status::armed) found(way, where, word);
        state.status = Status::outside;
    });
}

// An exception goes from handler to handler. Behind the first handlers it is anybody's guess whether it goes on.
void GuardWalk::throw_from(States& states, Leak::Way way, SourceLocation where, const char* word,
                           bool counts) {
    States flying = states;
    for (auto handler = tries_.rbegin(); handler != tries_.rend(); ++handler) {
        Try& around = **handler;
        if (guard_depth_ > around.depth) leave(flying, way, where, word, counts);
        around.thrown.add(flying);
        if (around.catches_all) return;
        counts = counts && throwing_ == Throwing::all;
    }
    leave(flying, way, where, word, counts);
}

void GuardWalk::may_throw(States& states, SourceLocation where, const char* word, bool counts) {
    if (tries_.empty() && !counts) return;
    throw_from(states, Leak::Way::call, where, word, counts);
}

States GuardWalk::walk(const Stmt* statement, States in) {
    if (!statement || in.empty()) return in;
    switch (statement->getStmtClass()) {
        case Stmt::CompoundStmtClass:
            return walk_compound(*cast<CompoundStmt>(statement), std::move(in));
        case Stmt::DeclStmtClass:
            return walk_declaration(*cast<DeclStmt>(statement), std::move(in));
        case Stmt::IfStmtClass:
            return walk_if(*cast<IfStmt>(statement), std::move(in));
        case Stmt::SwitchStmtClass:
            return walk_switch(*cast<SwitchStmt>(statement), std::move(in));
        case Stmt::CXXForRangeStmtClass:
            return walk_range_for(*cast<CXXForRangeStmt>(statement), std::move(in));
        case Stmt::CXXTryStmtClass:
            return walk_try(*cast<CXXTryStmt>(statement), std::move(in));
        case Stmt::AttributedStmtClass:
            return walk(cast<AttributedStmt>(statement)->getSubStmt(), std::move(in));
        case Stmt::CaseStmtClass:
        case Stmt::DefaultStmtClass:
            if (!breakables_.empty()) in.add(breakables_.back()->entry);
            return walk(cast<SwitchCase>(statement)->getSubStmt(), std::move(in));
        case Stmt::ReturnStmtClass:
            walk_return(cast<ReturnStmt>(statement)->getRetValue(), *statement, "return", std::move(in));
            return {};
        case Stmt::CoreturnStmtClass:
            walk_return(cast<CoreturnStmt>(statement)->getOperand(), *statement, "co_return", std::move(in));
            return {};
        case Stmt::BreakStmtClass:
            walk_jump(*statement, "break", std::move(in), true);
            return {};
        case Stmt::ContinueStmtClass:
            walk_jump(*statement, "continue", std::move(in), false);
            return {};
        case Stmt::WhileStmtClass: {
            const auto& looping = *cast<WhileStmt>(statement);
            return loop(looping, std::move(in), [&](States& head, States& out) {
                head = walk(looping.getConditionVariableDeclStmt(), std::move(head));
                Branches ways = branch(looping.getCond(), std::move(head));
                end_scope(ways.no, looping.getEndLoc());
                out.add(ways.no);
                States end = walk(looping.getBody(), std::move(ways.yes));
                end.add(breakables_.back()->continues);
                return end;
            });
        }
        case Stmt::DoStmtClass: {
            const auto& looping = *cast<DoStmt>(statement);
            return loop(looping, std::move(in), [&](States& head, States& out) {
                States end = walk(looping.getBody(), std::move(head));
                end.add(breakables_.back()->continues);
                Branches ways = branch(looping.getCond(), std::move(end));
                out.add(ways.no);
                return ways.yes;
            });
        }
        case Stmt::ForStmtClass: {
            const auto& looping = *cast<ForStmt>(statement);
            Scope around(*this);
            in = walk(looping.getInit(), std::move(in));
            States out = loop(looping, std::move(in), [&](States& head, States& leaving) {
                head = walk(looping.getConditionVariableDeclStmt(), std::move(head));
                Branches ways = looping.getCond() ? branch(looping.getCond(), std::move(head))
                                                  : Branches{std::move(head), States()};
                end_scope(ways.no, looping.getEndLoc());
                leaving.add(ways.no);
                States end = walk(looping.getBody(), std::move(ways.yes));
                end.add(breakables_.back()->continues);
                if (looping.getInc()) evaluate(looping.getInc(), end);
                return end;
            });
            end_scope(out, looping.getEndLoc());
            return out;
        }
        default:
            break;
    }
    if (const auto* expression = dyn_cast<Expr>(statement)) {
        // A move that nobody receives moves nothing.
        if (!is_guard_here(moved(expression))) evaluate(expression, in);
        return in;
    }
    for (const Stmt* part : statement->children()) in = walk(part, std::move(in));
    return in;
}

States GuardWalk::walk_compound(const CompoundStmt& statement, States in) {
    Scope scope(*this);
    for (const Stmt* part : statement.body()) {
        // Behind a jump only a `case` can be reached.
        if (in.empty() && !(isa<SwitchCase>(part) && !breakables_.empty())) continue;
        if (in.empty()) {
            in = breakables_.back()->entry;
            if (in.empty()) continue;
        }
        in = walk(part, std::move(in));
    }
    end_scope(in, statement.getRBracLoc());
    return in;
}

States GuardWalk::walk_if(const IfStmt& statement, States in) {
    Scope scope(*this);
    in = walk(statement.getInit(), std::move(in));
    in = walk(statement.getConditionVariableDeclStmt(), std::move(in));
    States out;
    if (statement.isConstexpr()) {
        const std::optional<const Stmt*> taken = statement.getNondiscardedCase(context_);
        if (taken) {
            out = walk(*taken, std::move(in));
            end_scope(out, statement.getEndLoc());
            return out;
        }
    }
    if (!statement.getCond()) return in;
    Branches ways = branch(statement.getCond(), std::move(in));
    out = walk(statement.getThen(), std::move(ways.yes));
    out.add(walk(statement.getElse(), std::move(ways.no)));
    end_scope(out, statement.getEndLoc());
    return out;
}

States GuardWalk::walk_switch(const SwitchStmt& statement, States in) {
    Scope scope(*this);
    in = walk(statement.getInit(), std::move(in));
    in = walk(statement.getConditionVariableDeclStmt(), std::move(in));
    evaluate(statement.getCond(), in);

    Breakable breakable{depth_, false, {}, {}, in};
    breakables_.push_back(&breakable);
    bool has_default = statement.isAllEnumCasesCovered();
    for (const SwitchCase* one = statement.getSwitchCaseList(); one; one = one->getNextSwitchCase()) {
        has_default = has_default || isa<DefaultStmt>(one);
    }
    // The statements before the first `case` are never reached: their states are those of the entry only then.
    States out;
    if (const auto* body = dyn_cast<CompoundStmt>(statement.getBody())) {
        out = walk_compound(*body, States());
    } else {
        out = walk(statement.getBody(), in);
    }
    breakables_.pop_back();
    out.add(breakable.breaks);
    if (!has_default) out.add(in);
    end_scope(out, statement.getEndLoc());
    return out;
}

template <class Once>
States GuardWalk::loop(const Stmt& statement, States in, Once once) {
    // Each round adds at least one state to the head or is the last; the limit is for forgotten flags.
    constexpr int most_rounds = 100;
    States out;
    for (int round = 0; round < most_rounds; ++round) {
        Breakable breakable{depth_, true, {}, {}, {}};
        breakables_.push_back(&breakable);
        States head = in;
        Scope round_scope(*this);
        States end = once(head, out);
        end_scope(end, statement.getEndLoc());
        breakables_.pop_back();
        out.add(breakable.breaks);
        if (!in.add(end)) break;
    }
    return out;
}

States GuardWalk::walk_range_for(const CXXForRangeStmt& statement, States in) {
    Scope around(*this);
    in = walk(statement.getInit(), std::move(in));
    evaluate(statement.getRangeInit(), in);
    States out = loop(statement, std::move(in), [&](States& head, States& leaving) {
        leaving.add(head);
        head = walk(statement.getLoopVarStmt(), std::move(head));
        States end = walk(statement.getBody(), std::move(head));
        end.add(breakables_.back()->continues);
        return end;
    });
    end_scope(out, statement.getEndLoc());
    return out;
}

States GuardWalk::walk_try(const CXXTryStmt& statement, States in) {
    Try around{depth_, false, {}};
    for (unsigned i = 0; i < statement.getNumHandlers(); ++i) {
        around.catches_all = around.catches_all || !statement.getHandler(i)->getExceptionDecl();
    }
    tries_.push_back(&around);
    States out = walk(statement.getTryBlock(), std::move(in));
    tries_.pop_back();
    for (unsigned i = 0; i < statement.getNumHandlers(); ++i) {
        out.add(walk(statement.getHandler(i)->getHandlerBlock(), around.thrown));
    }
    return out;
}

void GuardWalk::declare(const ValueDecl& declared, const Expr* initialiser, States& states) {
    if (&declared == guard_) {
        guard_depth_ = depth_;
        const Status status = kind_ == Place::Kind::owned ? status_of(initialiser) : Status::unknown;
        states.each([&](State& state) {
            state.status = status;
            state.since = declared.getLocation();
        });
        return;
    }
    const auto* variable = dyn_cast<VarDecl>(&declared);
    if (!variable || !body_.flags.contains(variable)) return;
    std::optional<bool> truth;
    bool value = false;
    const Expr* core = plain(initialiser);
    if (const auto* constructed = dyn_cast_or_null<CXXConstructExpr>(core)) {
        const CXXRecordDecl* record = constructed->getConstructor()->getParent();
        if (constructed->getNumArgs() == 0 &&
            (record->isInStdNamespace() || constructed->getConstructor()->isTrivial()))
            truth = false;  // exception_ptr, optional, unique_ptr, ...
    } else if (core && !core->isValueDependent() && core->EvaluateAsBooleanCondition(value, context_)) {
        truth = value;
    }
    states.each([&](State& state) {
        state.forget(variable);
        if (truth) state.learn(variable, *truth);
    });
}

States GuardWalk::walk_declaration(const DeclStmt& statement, States in) {
    for (const Decl* declaration : statement.decls()) {
        const auto* variable = dyn_cast<VarDecl>(declaration);
        if (!variable) continue;
        const Expr* initialiser = variable->getInit();
        // A reference to the guard is another name of it, no use.
        const bool is_alias =
            body_.aliases.count(variable) && is_guard_here(body_.aliases.find(variable)->second);
        if (initialiser && !is_alias) evaluate(initialiser, in);
        if (const auto* taken_apart = dyn_cast<DecompositionDecl>(variable)) {
            for (const BindingDecl* binding : taken_apart->bindings()) declare(*binding, initialiser, in);
        }
        declare(*variable, initialiser, in);
    }
    return in;
}

void GuardWalk::walk_return(const Expr* value, const Stmt& statement, const char* word, States in) {
    if (value) {
        const bool moves_it = kind_ == Place::Kind::owned && is_guard_here(value);
        if (moves_it) {
            in.become(Status::empty, statement.getBeginLoc());
        } else {
            returns_awaitable_ = !is_coroutine_ && is_awaitable(value->getType());
            evaluate(value, in);
            returns_awaitable_ = false;
        }
    }
    leave(in, Leak::Way::exit, statement.getBeginLoc(), word);
}

void GuardWalk::walk_jump(const Stmt& statement, const char* word, States in, bool is_break) {
    for (auto target = breakables_.rbegin(); target != breakables_.rend(); ++target) {
        Breakable& to = **target;
        if (!is_break && !to.is_loop) continue;
        // A `continue` stays inside the scope of a round, where the condition's variable lives.
        const unsigned kept = is_break ? to.depth : to.depth + 1;
        if (guard_depth_ > kept) leave(in, Leak::Way::jump, statement.getBeginLoc(), word);
        (is_break ? to.breaks : to.continues).add(in);
        return;
    }
}

}  // namespace asyncdrop_tidy
