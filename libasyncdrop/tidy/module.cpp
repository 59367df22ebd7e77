// The checks' names, for clang-tidy's -checks.
#include <clang-tidy/ClangTidyModule.h>
#include <clang-tidy/ClangTidyModuleRegistry.h>

#include "dangling_coroutine_parameter_check.hpp"
#include "discarded_guard_check.hpp"
#include "forgotten_drop_check.hpp"
#include "use_after_drop_check.hpp"

namespace asyncdrop_tidy {
namespace {

class Module : public clang::tidy::ClangTidyModule {
  public:
    void addCheckFactories(clang::tidy::ClangTidyCheckFactories& factories) override {
        factories.registerCheck<ForgottenDropCheck>("asyncdrop-forgotten-drop");
        factories.registerCheck<DiscardedGuardCheck>("asyncdrop-discarded-guard");
        factories.registerCheck<UseAfterDropCheck>("asyncdrop-use-after-drop");
        factories.registerCheck<DanglingCoroutineParameterCheck>("asyncdrop-dangling-coroutine-parameter");
    }
};

const clang::tidy::ClangTidyModuleRegistry::Add<Module> registered("asyncdrop-module",
                                                                   "Finds misuse of libasyncdrop.");

}  // namespace
}  // namespace asyncdrop_tidy
