// fork, and one byte through a pipe: it says that the mount answers. If the pipe ends without it, the daemon
// has failed, and its exit code is the command's.
#include "demofs/app/background.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "demofs/app/exit_codes.hpp"
#include "demofs/app/inherited_descriptors.hpp"
#include "demofs/base/error.hpp"

namespace demofs::app {

ReadyNotice::~ReadyNotice() {
    if (pipe_ >= 0) ::close(pipe_);
}

void ReadyNotice::ready() {
    if (pipe_ < 0) return;
    ::setsid();
    if (::chdir("/") != 0) throw Error(errno, "the daemon could not change to the root directory");
    const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0) throw Error(errno, "/dev/null cannot be opened");
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, standard);
    if (nowhere > STDERR_FILENO) ::close(nowhere);
    for (const int descriptor : inherited_) ::close(descriptor);
    const char word = 'R';
    while (::write(pipe_, &word, 1) < 0 && errno == EINTR) {
    }
    ::close(std::exchange(pipe_, -1));
}

int run_in_background(const std::function<int(ReadyNotice&)>& daemon) {
    std::vector<int> inherited = open_descriptors();
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(errno, "could not make a pipe");
    const pid_t child = ::fork();
    if (child < 0) throw Error(errno, "could not start the daemon");
    if (child == 0) {
        ::close(ends[0]);
        int code = exit_failure;
        {
            ReadyNotice notice(ends[1], std::move(inherited));
            code = daemon(notice);
        }
        std::exit(code);
    }
    ::close(ends[1]);
    char word = 0;
    ssize_t n = 0;
    while ((n = ::read(ends[0], &word, 1)) < 0 && errno == EINTR) {
    }
    ::close(ends[0]);
    if (n == 1) return exit_ok;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(exit_daemon_died);
}

}  // namespace demofs::app
