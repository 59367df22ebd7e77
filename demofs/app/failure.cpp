// The exit code of every error, in one table.
#include "demofs/app/failure.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "demofs/base/error.hpp"

namespace demofs::app {

void require_writable(const std::string& file, const std::string& what) {
    if (file.empty()) throw Failure(exit_usage, what + " needs a name");
    struct stat status{};
    if (::stat(file.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
        throw Failure(exit_failure, what + " cannot be written to " + file + ": that is a directory");
    if (::access(file.c_str(), W_OK) == 0) return;
    const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
    if (::access(folder.c_str(), W_OK | X_OK) == 0) return;
    throw Failure(exit_failure, what + " " + file + " cannot be written: the folder " + folder.string() +
                                    ": " + std::generic_category().message(errno));
}

ExitCode exit_code_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Failure& failure) {
        return failure.code();
    } catch (const std::system_error& failure) {
        if (failure.code().category() != demofs_category()) return exit_failure;
        switch (static_cast<Errc>(failure.code().value())) {
            case Errc::wrong_password:
                return exit_wrong_password;
            case Errc::not_a_vault:
                return exit_not_a_vault;
            case Errc::vault_in_use:
                return exit_vault_in_use;
            case Errc::vault_incomplete:
                return exit_vault_incomplete;
            case Errc::corrupt:
            case Errc::vault_damaged:
                return exit_vault_damaged;
            case Errc::unsupported_format:
                return exit_unsupported_format;
            case Errc::rolled_back:
                return exit_rolled_back;
            case Errc::forked:
                return exit_forked;
            case Errc::writes_failed:
            case Errc::disk_full:
                return exit_not_saved;
            case Errc::closed:
                return exit_failure;
        }
        return exit_failure;
    } catch (...) {
        return exit_failure;
    }
}

}  // namespace demofs::app
