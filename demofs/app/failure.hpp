// From an exception to what the user sees: one sentence and an exit code.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

#include "demofs/app/exit_codes.hpp"

namespace demofs::app {

/// An error whose exit code is known where it is thrown.
class Failure : public std::runtime_error {
  public:
    Failure(ExitCode code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
    ExitCode code() const noexcept { return code_; }

  private:
    ExitCode code_;
};

/// The exit code for any exception: a Failure's own, else by demofs::Errc, else exit_failure.
ExitCode exit_code_of(const std::exception_ptr& error);

/// Throws a Failure if `file` can neither be written nor made; `what` names it in the sentence.
void require_writable(const std::string& file, const std::string& what);

/// Runs `step`, turning any Error it throws into a Failure with `code` and the same sentence.
template <class F>
auto failing_with(ExitCode code, F step) {
    try {
        return step();
    } catch (const std::exception& error) {
        throw Failure(code, error.what());
    }
}

}  // namespace demofs::app
