// Walks all paths of a function for one guard: where it dies alive, where it is used after its drop.
//
// The walk follows the syntax tree rather than clang's control flow graph: there every scope, every way out of it and
// every handler of an exception is at hand by name, so that a message can say which `return` it means. Branches that
// ask the guard (`if (guard)`, `is_dropped()`, `try_release()`) or a local flag split the ways; loops are walked until
// nothing new comes out. Where the guard is handed to code that the walk does not see, it makes no claims afterwards.
//
// Exceptions: a `try` is taken at its word, so that any call in it may lead to its handlers. What leaves the function
// counts if it is thrown there (`throw`, std::rethrow_exception); whether calls and awaits count is an option.
//
// Threads: as types.hpp.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Stmt.h>

#include <string>
#include <vector>

#include "body_reader.hpp"
#include "guard_states.hpp"
#include "types.hpp"

namespace asyncdrop_tidy {

/// Which expressions are expected to throw out of a function.
enum class Throwing {
    none,    ///< only what is thrown by name
    awaits,  ///< every co_await, too: of a failing operation, or in a cancelled coroutine
    all,     ///< every call that is not noexcept, too
};

/// A way on which a guard dies, or loses what it holds, without a drop.
struct Leak {
    enum class Way {
        end_of_scope,
        exit,       ///< return, co_return
        jump,       ///< break, continue
        exception,  ///< thrown by name
        call,       ///< an exception of a call or an await
        overwritten,
        returned_awaitable,  ///< the awaitable of the drop outlives the guard
    };

    Way way;
    clang::SourceLocation where;
    std::string word;  ///< what stands there: return, co_return, break, throw, ...
};

/// A use of a guard that has been dropped.
struct LateUse {
    clang::SourceLocation where;
    clang::SourceLocation dropped;
};

class GuardWalk {
  public:
    GuardWalk(clang::ASTContext& context, const clang::FunctionDecl& function, const Body& body,
              const Place& place, Throwing throwing);

    /// Walks the function. Once per object.
    void run();

    const std::vector<Leak>& leaks() const { return leaks_; }
    const std::vector<LateUse>& late_uses() const { return late_uses_; }

  private:
    struct Branches {
        States yes;
        States no;
    };
    // What `break` and `continue` lead to.
    struct Breakable {
        unsigned depth;
        bool is_loop;
        States breaks;
        States continues;
        States entry;  // of a switch
    };
    struct Try {
        unsigned depth;
        bool catches_all;
        States thrown;
    };
    class Scope;

    // Statements: what goes in, and what comes out at their end.
    States walk(const clang::Stmt* statement, States in);
    States walk_compound(const clang::CompoundStmt& statement, States in);
    States walk_if(const clang::IfStmt& statement, States in);
    States walk_switch(const clang::SwitchStmt& statement, States in);
    States walk_range_for(const clang::CXXForRangeStmt& statement, States in);
    States walk_try(const clang::CXXTryStmt& statement, States in);
    States walk_declaration(const clang::DeclStmt& statement, States in);
    template <class Once>
    States loop(const clang::Stmt& statement, States in, Once once);
    void walk_return(const clang::Expr* value, const clang::Stmt& statement, const char* word, States in);
    void walk_jump(const clang::Stmt& statement, const char* word, States in, bool is_break);
    void declare(const clang::ValueDecl& declared, const clang::Expr* initialiser, States& states);

    // Expressions change the states.
    void evaluate(const clang::Expr* expression, States& states);
    void evaluate_parts(const clang::Expr& expression, States& states);
    void evaluate_call(const clang::CallExpr& call, States& states);
    void evaluate_construction(const clang::CXXConstructExpr& construction, States& states);
    void evaluate_arguments(const clang::FunctionDecl* callee, llvm::ArrayRef<const clang::Expr*> arguments,
                            States& states);
    void evaluate_lambda(const clang::LambdaExpr& lambda, States& states);
    void evaluate_await(const clang::CoroutineSuspendExpr& await, States& states);
    void evaluate_assignment(const clang::Expr* target, const clang::Expr* value, States& states);
    void call_member(const clang::CXXMethodDecl& method, const clang::CallExpr& call, States& states);
    void pass(const clang::FunctionDecl* callee, unsigned parameter, clang::SourceLocation where,
              States& states);
    Branches branch(const clang::Expr* condition, States in);
    Branches branch_on_guard(GuardMember asked, clang::SourceLocation where, const States& in) const;

    bool is_guard_here(const clang::Expr* expression) const;
    const clang::VarDecl* flag(const clang::Expr* expression) const;
    Status status_of(const clang::Expr* initialiser) const;

    // Ends of the guard's life.
    void end_scope(States& states, clang::SourceLocation where);
    void leave(States& states, Leak::Way way, clang::SourceLocation where, const char* word,
               bool counts = true);
    void throw_from(States& states, Leak::Way way, clang::SourceLocation where, const char* word,
                    bool counts);
    void may_throw(States& states, clang::SourceLocation where, const char* word, bool counts);
    void drop(States& states, clang::SourceLocation where);
    void use(const States& states, clang::SourceLocation where);
    void found(Leak::Way way, clang::SourceLocation where, const char* word);

    clang::ASTContext& context_;
    const clang::FunctionDecl& function_;
    const Body& body_;
    const clang::ValueDecl* guard_;
    Place::Kind kind_;
    Throwing throwing_;
    bool is_coroutine_;

    unsigned depth_ = 0;        // of scopes
    unsigned guard_depth_ = 0;  // of the scope that the guard is declared in
    unsigned drops_ = 0;        // seen so far, to tell the await of a drop from others
    bool returns_awaitable_ = false;
    std::vector<Breakable*> breakables_;
    std::vector<Try*> tries_;
    std::vector<Leak> leaks_;
    std::vector<LateUse> late_uses_;
};

}  // namespace asyncdrop_tidy
