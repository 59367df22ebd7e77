// Reads a function's body once, before its paths are walked: which guards it works with, which references are other
// names of them, and which local variables are flags worth remembering.
//
// Bodies of lambdas are functions of their own and are not entered.
#pragma once

#include <clang/AST/Decl.h>
#include <clang/AST/Expr.h>
#include <clang/AST/Stmt.h>

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/DenseSet.h>

#include <vector>

namespace asyncdrop_tidy {

/// A guard that a function works with.
struct Place {
    enum class Kind {
        owned,     ///< a local or by-value parameter: dies with its scope
        borrowed,  ///< a reference, or a variable of an enclosing function
        member,    ///< a member of *this
    };

    const clang::ValueDecl* guard;
    Kind kind;
};

/// What read_body() found.
struct Body {
    std::vector<Place> places;
    /// References that are other names of what their initialiser names.
    llvm::DenseMap<const clang::VarDecl*, const clang::Expr*> aliases;
    /// Local variables whose truth decides at least two branches, or one after having been set to a constant, and that
    /// nobody changes behind the function's back.
    llvm::DenseSet<const clang::VarDecl*> flags;
    /// Jumps that the walk does not follow: it then says nothing about this function.
    bool has_goto = false;
};

Body read_body(const clang::FunctionDecl& function);

/// The guard that an expression names: a variable, or a member of *this; null if it is none.
const clang::ValueDecl* named_by(const clang::Expr* expression, const Body& body);

/// Whether `code` does nothing with `guard` but look at it or at what it holds: no drop, no move, no reference kept.
bool only_reads(const clang::Stmt& code, const clang::ValueDecl& guard);

}  // namespace asyncdrop_tidy
