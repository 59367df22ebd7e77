// Running as a daemon: the parent returns when the mount answers, or with the error if it never does.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace demofs::app {

/// The daemon's end of the line to the parent that waits for it.
class ReadyNotice {
  public:
    /// In the foreground nobody waits.
    ReadyNotice() = default;
    /// `inherited`: descriptors of the caller, which a daemon must not keep open.
    ReadyNotice(int pipe_descriptor, std::vector<int> inherited)
        : pipe_(pipe_descriptor), inherited_(std::move(inherited)) {}
    ReadyNotice(const ReadyNotice&) = delete;
    ReadyNotice& operator=(const ReadyNotice&) = delete;
    ~ReadyNotice();

    bool in_background() const noexcept { return pipe_ >= 0; }

    /// Leaves the terminal and the caller's descriptors (stdin, stdout and stderr go to /dev/null, own
    /// session, directory /) and lets the parent return 0. Call once.
    void ready();

  private:
    int pipe_ = -1;
    std::vector<int> inherited_;
};

/// Forks. The child runs `daemon` and exits with its result. The parent returns 0 once the child called
/// ReadyNotice::ready(), else the child's exit code; until then the child shares the terminal, so it prints
/// its errors itself. Must be called while the process has one thread.
int run_in_background(const std::function<int(ReadyNotice&)>& daemon);

}  // namespace demofs::app
