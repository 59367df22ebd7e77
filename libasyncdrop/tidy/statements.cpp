#include "statements.hpp"

#include <clang/AST/ExprCXX.h>
#include <clang/AST/StmtCXX.h>

namespace asyncdrop_tidy {

using namespace clang;

void each_statement(const Stmt* root, llvm::function_ref<void(const Stmt&)> visit) {
    if (!root) return;
    if (const auto* coroutine = dyn_cast<CoroutineBodyStmt>(root))
        return each_statement(coroutine->getBody(), visit);
    if (const auto* rewritten = dyn_cast<CXXRewrittenBinaryOperator>(root)) {
        return each_statement(rewritten->getSemanticForm(), visit);
    }
    visit(*root);
    if (const auto* suspension = dyn_cast<CoroutineSuspendExpr>(root)) {
        each_statement(suspension->getOperand(), visit);
    } else if (const auto* answer = dyn_cast<CoreturnStmt>(root)) {
        each_statement(answer->getOperand(), visit);
    } else if (const auto* lambda = dyn_cast<LambdaExpr>(root)) {
        for (const Expr* initialiser : lambda->capture_inits()) each_statement(initialiser, visit);
    } else if (const auto* loop = dyn_cast<CXXForRangeStmt>(root)) {
        each_statement(loop->getInit(), visit);
        each_statement(loop->getRangeInit(), visit);
        each_statement(loop->getLoopVarStmt(), visit);
        each_statement(loop->getBody(), visit);
    } else {
        for (const Stmt* part : root->children()) each_statement(part, visit);
    }
}

}  // namespace asyncdrop_tidy
