// How `demofs unmount` and `demofs status` hear from the daemon: a Unix socket in the user's runtime folder
// (runtime_folder.hpp), named after the mount point. The daemon sends lines to whoever is connected; the end
// of the connection is the end of the daemon.
//
//   progress <text>    what is left to save, while that takes long
//   notice <text>      a sentence that matters: what could not be saved, what is in the way
//   outcome <json>     how it ended (unmount_outcome.hpp)
//   result <number>    the daemon's exit code; nothing follows
//   status <json>      the answer to a client that has sent the line "status" (daemon_status.hpp)
//   flushed <json>     the answer to the line "flush", once everything is durable or cannot be
//                      (flush_outcome.hpp)
//
// Only the same user and root are served, and a client believes only them.
#pragma once

#include <sys/types.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace demofs::app {

class RuntimeFolder;

/// The file in the runtime folder on which the daemon of `mount_point` listens.
std::string socket_name(const std::string& mount_point);

/// Who makes the answers, each one line. What they return must not throw; both outlive the server.
struct ControlAnswers {
    std::function<std::string()> status;
    std::function<boost::asio::awaitable<std::string>()> flush;
};

/// The daemon's side. Threads: the core thread.
class ControlServer {
  public:
    /// Listens for clients of the mount at `mount_point` (absolute), and answers them. Throws Error if another
    /// daemon serves this mount point, or no socket can be made.
    static asyncdrop::AsyncDropBox<ControlServer> make(const std::string& mount_point, ControlAnswers answers,
                                                       boost::asio::any_io_executor executor);

    ControlServer(asyncdrop::Passkey<ControlServer>, const std::string& mount_point, ControlAnswers answers,
                  boost::asio::any_io_executor executor);
    ~ControlServer();

    /// Accepts clients in the background until async_drop.
    void start();

    /// Sends `kind text` to every client. One that does not read is left behind, never waited for.
    void tell(const std::string& kind, const std::string& text);

    std::size_t client_count() const;

    /// Takes the socket's name away, so that nobody finds it any more. For a process that is about to end
    /// without a drop.
    void remove_name() const;

    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// A line from the daemon.
struct ControlMessage {
    std::string kind;
    std::string text;
};

/// The client's side; blocking, for a process without an executor.
class ControlClient {
  public:
    using Clock = std::chrono::steady_clock;

    /// Nothing if no daemon of `owner` (this user, if not given) listens for `mount_point`, or it may not be
    /// asked.
    static std::optional<ControlClient> connect(const std::string& mount_point,
                                                std::optional<uid_t> owner = std::nullopt);
    /// All daemons of `owner` that listen and may be asked.
    static std::vector<ControlClient> connect_all(std::optional<uid_t> owner = std::nullopt);

    ControlClient(ControlClient&& other) noexcept;
    ControlClient& operator=(ControlClient&& other) noexcept;
    ~ControlClient();

    /// The next line, if one comes before `deadline`. Nothing: none came, or (see over()) none will.
    std::optional<ControlMessage> next(Clock::time_point deadline);
    /// The daemon has closed the connection or died.
    bool over() const noexcept { return over_; }

    /// Sends a line.
    void ask(const std::string& request);

    /// Waits until the daemon's process has ended; false: it has not by `deadline`.
    bool wait_for_end(Clock::time_point deadline);

  private:
    static std::optional<ControlClient> connect_to(const RuntimeFolder& folder, const std::string& name);
    explicit ControlClient(int descriptor, int pidfd) : socket_(descriptor), pidfd_(pidfd) {}
    int socket_;
    int pidfd_;  // -1 where the kernel has none
    std::string pending_;
    bool over_ = false;
};

}  // namespace demofs::app
