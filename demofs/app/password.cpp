#include "demofs/app/password.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "demofs/app/failure.hpp"

namespace demofs::app {

namespace {

constexpr std::size_t max_password_bytes = 1024;

class FileDescriptor {
  public:
    FileDescriptor(int descriptor, bool owned) : descriptor_(descriptor), owned_(owned) {}
    ~FileDescriptor() {
        if (owned_) ::close(descriptor_);
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    int get() const { return descriptor_; }

  private:
    int descriptor_;
    bool owned_;
};

class EchoOff {
  public:
    explicit EchoOff(int terminal) : terminal_(terminal), active_(::tcgetattr(terminal, &before_) == 0) {
        if (!active_) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        silent.c_lflag |= ECHONL;
        ::tcsetattr(terminal_, TCSAFLUSH, &silent);
    }
    ~EchoOff() {
        if (active_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
    }
    EchoOff(const EchoOff&) = delete;
    EchoOff& operator=(const EchoOff&) = delete;

  private:
    int terminal_;
    termios before_{};
    bool active_;
};

// Byte by byte into locked memory, so that nothing of the password stays in a buffer elsewhere and what
// follows the line stays unread.
crypto::Password read_line(int descriptor, const std::string& where) {
    crypto::SecretBytes buffer(max_password_bytes);
    std::size_t length = 0;
    for (;;) {
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

}  // namespace

crypto::Password read_password(const std::optional<std::string>& file, Prompt prompt) {
    if (file && *file != "-") {
        const int opened = ::open(file->c_str(), O_RDONLY | O_CLOEXEC);
        if (opened < 0)
            throw Failure(exit_failure,
                          "the password file " + *file + " cannot be opened: " + std::strerror(errno));
        const FileDescriptor descriptor(opened, true);
        return read_line(descriptor.get(), "the file " + *file);
    }
    if (!file) {
        const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (terminal >= 0 && ::isatty(STDIN_FILENO)) {
            const FileDescriptor descriptor(terminal, true);
            const EchoOff silence(terminal);
            say(terminal, "Password: ");
            crypto::Password password = read_line(terminal, "the terminal");
            if (prompt == Prompt::twice) {
                say(terminal, "Password again: ");
                const crypto::Password again = read_line(terminal, "the terminal");
                if (!(password == again))
                    throw Failure(exit_failure, "the two passwords differ; nothing was done");
            }
            return password;
        }
        if (terminal >= 0) ::close(terminal);
    }
    return read_line(STDIN_FILENO, "standard input");
}

}  // namespace demofs::app
