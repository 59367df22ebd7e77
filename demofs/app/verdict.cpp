// Each switch names every verdict, so that the compiler asks for a decision about a new one.
#include "demofs/app/verdict.hpp"

#include "demofs/base/error.hpp"

namespace demofs::app {

using tree::Verdict;

namespace {

// Why the vault is not mounted for writing, and the way out.
std::string way_out(Verdict verdict, const std::string& directory) {
    switch (verdict) {
        case Verdict::fork:
            return "So the vault " + directory +
                   " is not mounted for writing: demofs fork list shows its histories, a mount with "
                   "--read-only "
                   "--history ID what is in one; demofs fork accept (or a mount with --accept-fork) goes on "
                   "with one "
                   "and gives the others up";
        case Verdict::rolled_back:
            return "So the vault " + directory +
                   " is not mounted for writing: wait until the folder is synchronised, or restore the files "
                   "that "
                   "are missing; look at the older state with --read-only; mount with --accept-rollback to "
                   "go "
                   "on with it and give the newer one up";
        case Verdict::damaged:
            return "So the vault " + directory +
                   " is not mounted for writing, which would make the loss final: restore its damaged files "
                   "from a copy, mount it with --read-only and copy what is there to a new vault, or let "
                   "demofs "
                   "salvage bring everything that can still be read into a folder";
        case Verdict::clean:
        case Verdict::crash_tail:
        case Verdict::incomplete:
        case Verdict::unsupported:
            break;
    }
    return "";
}

Errc error_code_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::fork:
            return Errc::forked;
        case Verdict::rolled_back:
            return Errc::rolled_back;
        case Verdict::damaged:
            return Errc::vault_damaged;
        case Verdict::unsupported:
            return Errc::unsupported_format;
        case Verdict::incomplete:
        case Verdict::clean:  // but without a commit
        case Verdict::crash_tail:
            break;
    }
    return Errc::vault_incomplete;
}

bool may_be_written(Verdict verdict) {
    switch (verdict) {
        case Verdict::clean:
        case Verdict::crash_tail:
            return true;
        case Verdict::fork:
        case Verdict::rolled_back:
        case Verdict::damaged:
        case Verdict::incomplete:
        case Verdict::unsupported:
            break;
    }
    return false;
}

}  // namespace

std::string_view name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::clean:
            return "clean";
        case Verdict::crash_tail:
            return "crash tail";
        case Verdict::fork:
            return "fork";
        case Verdict::rolled_back:
            return "rolled back";
        case Verdict::damaged:
            return "damaged";
        case Verdict::incomplete:
            return "incomplete";
        case Verdict::unsupported:
            break;
    }
    return "unsupported";
}

ExitCode exit_code_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::clean:
        case Verdict::crash_tail:
            return exit_ok;
        case Verdict::fork:
            return exit_forked;
        case Verdict::rolled_back:
            return exit_rolled_back;
        case Verdict::damaged:
            return exit_vault_damaged;
        case Verdict::incomplete:
            return exit_vault_incomplete;
        case Verdict::unsupported:
            break;
    }
    return exit_unsupported_format;
}

void require_usable(const tree::Recovered& recovered, bool to_write, const std::string& directory) {
    if (!recovered.record && recovered.why.empty()) {
        throw Error(Errc::vault_incomplete,
                    "the vault " + directory +
                        " holds no commit: its files are not synchronised yet, or were removed");
    }
    if (!recovered.record) throw Error(error_code_of(recovered.verdict), recovered.why);
    if (!to_write || may_be_written(recovered.verdict)) return;
    throw Error(error_code_of(recovered.verdict),
                recovered.why + " " + way_out(recovered.verdict, directory));
}

void require_usable(const tree::Completeness& found) {
    if (!may_be_written(found.verdict)) throw Error(error_code_of(found.verdict), found.why);
}

}  // namespace demofs::app
