// Reads one line into locked memory, from a terminal without echo, byte by byte, so that no copy stays
// elsewhere.
#include "demofs/app/password.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <utility>

#include "demofs/app/failure.hpp"
#include "demofs/app/key_file.hpp"
#include "demofs/app/password_strength.hpp"
#include "demofs/base/error.hpp"
#include "demofs/store/file_descriptor.hpp"

extern char** environ;

namespace demofs::app {

namespace {

constexpr std::size_t max_password_bytes = 1024;

// Turns the terminal's echo off. A signal that would end the program meanwhile ends it only after the echo is
// back: not every shell repairs its terminal.
class EchoOff {
  public:
    explicit EchoOff(int terminal) : terminal_(terminal), active_(::tcgetattr(terminal, &before_) == 0) {
        if (!active_) return;
        struct sigaction note{};
        note.sa_handler = [](int signal) { signal_ = signal; };
        sigset_t signals;
        sigemptyset(&signals);
        for (const int signal : deadly) sigaddset(&signals, signal);
        ::pthread_sigmask(SIG_BLOCK, &signals, &mask_);
        for (std::size_t i = 0; i < deadly.size(); ++i) ::sigaction(deadly[i], &note, &handlers_[i]);
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        silent.c_lflag |= ECHONL;
        ::tcsetattr(terminal_, TCSAFLUSH, &silent);
    }
    ~EchoOff() {
        if (!active_) return;
        // The shell may have taken the terminal back already.
        struct sigaction ignore{};
        struct sigaction stop{};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGTTOU, &ignore, &stop);
        ::tcsetattr(terminal_, TCSAFLUSH, &before_);
        ::sigaction(SIGTTOU, &stop, nullptr);
        for (std::size_t i = 0; i < deadly.size(); ++i) ::sigaction(deadly[i], &handlers_[i], nullptr);
        ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
        if (const int signal = std::exchange(signal_, 0)) ::raise(signal);
    }
    EchoOff(const EchoOff&) = delete;
    EchoOff& operator=(const EchoOff&) = delete;

    // Waits until the terminal has input. Signals arrive only in here, so that none can be missed just before
    // a wait for input that never comes.
    void await_input() const {
        pollfd input{terminal_, POLLIN, 0};
        while (signal_ == 0 && ::ppoll(&input, 1, nullptr, &mask_) < 0 && errno == EINTR) {
        }
        if (signal_ != 0) throw Failure(exit_failure, "interrupted");
    }

  private:
    static constexpr std::array deadly{SIGINT, SIGTERM, SIGQUIT, SIGHUP};
    static inline volatile std::sig_atomic_t signal_ = 0;

    int terminal_;
    termios before_{};
    sigset_t mask_{};
    std::array<struct sigaction, deadly.size()> handlers_{};
    bool active_;
};

// Byte by byte into locked memory, so that nothing of the password stays in a buffer elsewhere and what
// follows the line stays unread.
crypto::Password read_line(int descriptor, const std::string& where, const EchoOff* terminal = nullptr) {
    crypto::SecretBytes buffer(max_password_bytes);
    std::size_t length = 0;
    for (;;) {
        if (terminal) terminal->await_input();
        std::byte next{};
        const ssize_t n = ::read(descriptor, &next, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            throw Failure(exit_failure,
                          "the password cannot be read from " + where + ": " + std::strerror(errno));
        if (n == 0 || next == std::byte{'\n'}) break;
        if (length == max_password_bytes) {
            throw Failure(exit_failure, "the password from " + where + " is longer than " +
                                            std::to_string(max_password_bytes) + " bytes");
        }
        buffer.mutable_bytes()[length++] = next;
    }
    if (length > 0 && buffer.bytes()[length - 1] == std::byte{'\r'}) --length;
    if (length == 0) throw Failure(exit_failure, "the password from " + where + " is empty");
    buffer.truncate(length);
    return buffer;
}

void say(int terminal, const std::string& text) {
    if (::write(terminal, text.data(), text.size()) < 0) {
        // The prompt is a courtesy; reading goes on without it.
    }
}

// The shell's standard input and error stay those of this program: a command may ask somebody.
crypto::Password read_from_command(const std::string& command) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(errno, "could not make a pipe");
    store::FileDescriptor output(ends[0]);
    store::FileDescriptor input(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
    std::array<std::string, 3> words{"sh", "-c", command};
    std::array<char*, 4> pointers{words[0].data(), words[1].data(), words[2].data(), nullptr};
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, "sh", &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw Error(failed, "the password command could not be started");
    input.close();
    std::optional<crypto::Password> password;
    std::exception_ptr unreadable;
    try {
        password.emplace(read_line(output.get(), "the password command"));
    } catch (...) {
        unreadable = std::current_exception();
    }
    output.close();  // what follows the line is not wanted
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    // What the shell ran ended so, and the shell passes it on as a code.
    const bool cut_off = (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) ||
                         (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGPIPE);
    if (!cut_off && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        throw Failure(exit_failure,
                      "the password command failed (" +
                          (WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                             : "signal " + std::to_string(WTERMSIG(status))) +
                          "): " + command);
    }
    if (unreadable) std::rethrow_exception(unreadable);
    return std::move(*password);
}

crypto::Password read_password(const PasswordSource& source, Prompt prompt, const std::string& what) {
    if (source.command) return read_from_command(*source.command);
    const std::optional<std::string>& file = source.file;
    if (file && *file != "-") {
        const store::FileDescriptor opened(::open(file->c_str(), O_RDONLY | O_CLOEXEC));
        if (!opened)
            throw Failure(exit_failure,
                          "the password file " + *file + " cannot be opened: " + std::strerror(errno));
        return read_line(opened.get(), "the file " + *file);
    }
    if (!file) {
        const store::FileDescriptor opened(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
        if (opened && ::isatty(STDIN_FILENO)) {
            const int terminal = opened.get();
            const EchoOff silence(terminal);
            say(terminal, what + ": ");
            crypto::Password password = read_line(terminal, "the terminal", &silence);
            if (prompt == Prompt::twice) {
                if (const std::string hint = strength_hint(password); !hint.empty())
                    say(terminal, hint + "\n");
                say(terminal, what + " again: ");
                const crypto::Password again = read_line(terminal, "the terminal", &silence);
                if (!(password == again))
                    throw Failure(exit_failure, "the two passwords differ; nothing was done");
            }
            return password;
        }
    }
    return read_line(STDIN_FILENO, "standard input");
}

}  // namespace

crypto::Credential read_credential(const PasswordSource& source, Prompt prompt, const std::string& what) {
    if (source.key_file) return {crypto::SlotType::key_file, key_file_secret(*source.key_file)};
    return {crypto::SlotType::password, read_password(source, prompt, what)};
}

}  // namespace demofs::app
