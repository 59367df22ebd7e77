// Visits what a function's source says, once each.
#pragma once

#include <clang/AST/Stmt.h>
#include <llvm/ADT/STLFunctionalExtras.h>

namespace asyncdrop_tidy {

/// Calls visit(statement) for `root` and all statements and expressions below it, outer ones first, in the order of the
/// source. Of coroutines only what was written; of lambdas the captures, not the bodies: those are functions of their own.
void each_statement(const clang::Stmt* root, llvm::function_ref<void(const clang::Stmt&)> visit);

}  // namespace asyncdrop_tidy
