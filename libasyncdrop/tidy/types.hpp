// What the checks know about libasyncdrop and Asio: which types are guards and awaitables, which functions drop.
//
// A guard is a class of namespace asyncdrop that has async_drop() and is_dropped(), as the library's concept
// Droppable says: AsyncDropGuard, AsyncDropBox, AsyncDropArc, AsyncDropShared, AsyncDropStack. So a new owner of the
// library is known without a change here.
//
// Threads: one instance per translation unit and thread of clang-tidy.
#pragma once

#include <clang/AST/DeclCXX.h>
#include <clang/AST/Expr.h>
#include <clang/AST/ExprCXX.h>
#include <clang/AST/Type.h>

#include <string>

namespace asyncdrop_tidy {

/// What a member function of a guard does to it.
enum class GuardMember {
    drops,          ///< async_drop and its like, drop_now
    uses,           ///< reaches for the T: operator->, operator*, clone, get, peek
    reads,          ///< const, and also allowed after the drop
    assigns,        ///< operator=
    fills,          ///< makes an AsyncDropStack have something to drop: own, watch, defer
    releases,       ///< leaves nothing to drop: AsyncDropStack::release
    tests_live,     ///< operator bool
    tests_dropped,  ///< is_dropped
    may_release,    ///< try_release: its answer says whether there is still something to drop
    unknown,
};

/// Whether `type`, without reference and qualifiers, is one of the library's guards.
bool is_guard(clang::QualType type);
/// Whether a value of `type` holds a guard among its template arguments (optional, tuple, variant, result).
bool holds_guard(clang::QualType type);
/// Whether `type` is boost::asio::awaitable.
bool is_awaitable(clang::QualType type);
/// The T of an awaitable<T>.
clang::QualType awaited_type(clang::QualType type);

/// Whether the declaration is the library's own, in namespace asyncdrop.
bool is_librarys(const clang::Decl& declaration);
/// Whether `function` is a free function of the library that drops the guards it is given: brackets, drop_in_order.
bool drops_its_arguments(const clang::FunctionDecl& function);
/// What a guard's member function does.
GuardMember meaning_of(const clang::CXXMethodDecl& method);

/// Whether `function` is a coroutine: false for one that only hands an awaitable on, and for those that cannot be
/// told because no body is visible in this translation unit.
bool is_coroutine(const clang::FunctionDecl& function);
/// The definition, that of the template if this is an instance whose body is not there yet; null if there is none.
const clang::FunctionDecl* definition_of(const clang::FunctionDecl& function);
/// Whether the body belongs to code that the checks read: a definition outside of system headers and of the library,
/// and no template that was not instantiated.
bool is_to_be_read(const clang::FunctionDecl& function, const clang::SourceManager& sources);

/// A type as messages show it.
std::string name_of(clang::QualType type);

/// The expression without parentheses, casts and temporaries that the compiler added.
const clang::Expr* plain(const clang::Expr* expression);
/// The temporary that a reference or an object parameter binds to, or null.
const clang::MaterializeTemporaryExpr* temporary_of(const clang::Expr* expression);
/// If this is std::move(x) or std::forward<X>(x): the plain x. Else null.
const clang::Expr* moved(const clang::Expr* expression);

}  // namespace asyncdrop_tidy
