// How `demofs unmount` hears from the daemon: a Unix socket in the abstract namespace (nothing is left behind
// in the file system), named after the mount point. The daemon sends lines to whoever is connected; the end
// of the connection is the end of the daemon.
//
//   progress <text>    something to show while it takes long
//   report <text>      a line of the teardown report
//   result <number>    the daemon's exit code; nothing follows
//
// Only the same user and root are served, and a client believes only them.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace demofs::app {

/// The daemon's side. Threads: the core thread.
class ControlServer {
  public:
    /// Listens for clients of the mount at `mount_point` (absolute). Throws Error if the name is taken:
    /// another daemon serves this mount point.
    static asyncdrop::AsyncDropBox<ControlServer> make(const std::string& mount_point,
                                                       boost::asio::any_io_executor executor);

    ControlServer(asyncdrop::Passkey<ControlServer>, const std::string& mount_point,
                  boost::asio::any_io_executor executor);
    ~ControlServer();

    /// Accepts clients in the background until async_drop.
    void start();

    /// Sends `kind text` to every client. One that does not read is left behind, never waited for.
    void tell(const std::string& kind, const std::string& text);

    std::size_t client_count() const;

    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The client's side; blocking, for a process without an executor.
class ControlClient {
  public:
    /// Nothing if no daemon of this user (or root) listens for `mount_point`.
    static std::optional<ControlClient> connect(const std::string& mount_point);

    ControlClient(ControlClient&& other) noexcept;
    ControlClient& operator=(ControlClient&&) = delete;
    ~ControlClient();

    /// Hands each progress and report line to `show`; returns the result once the daemon's process has ended,
    /// or nothing if it ended without one.
    std::optional<int> wait(
        const std::function<void(const std::string& kind, const std::string& text)>& show);

  private:
    explicit ControlClient(int descriptor, int pidfd) : socket_(descriptor), pidfd_(pidfd) {}
    int socket_;
    int pidfd_;  // -1 where the kernel has none
};

}  // namespace demofs::app
