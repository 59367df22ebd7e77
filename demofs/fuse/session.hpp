// One mounted FUSE connection: mount, serve until the kernel ends it, drain, unmount.
//
// Exactly one thread reads /dev/fuse and runs everything (the core): a request that can be answered from
// memory is answered in the loop that read it. libfuse is used for mounting and for the wire format, not for
// its loops.
//
// Life: make -> mount -> run (returns when the kernel says the filesystem is unmounted, or stop() was called)
// -> async_drop: waits for the requests in flight, then closes the connection. Requests that arrive after
// run() has returned get no answer; the kernel ends them with an error when the connection closes.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "demofs/fs/filesystem.hpp"

namespace demofs::fuse {

struct SessionSettings {
    std::string mount_point;   ///< absolute path of an existing directory
    std::string source;        ///< shown as the device in /proc/mounts: the vault's path
    bool allow_other = false;  ///< let other users in (needs user_allow_other in /etc/fuse.conf unless root)
    bool read_only = false;
    std::function<void(const std::string&)> log;  ///< libfuse's messages and problems nobody can be told
    std::function<void()> on_ready;               ///< called once when the mount answers
};

class Session {
  public:
    /// `filesystem` must outlive async_drop; `executor` is the core's.
    static asyncdrop::AsyncDropBox<Session> make(SessionSettings settings, fs::Filesystem& filesystem,
                                                 boost::asio::any_io_executor executor);

    Session(asyncdrop::Passkey<Session>, SessionSettings settings, fs::Filesystem& filesystem,
            boost::asio::any_io_executor executor);
    ~Session();

    /// Mounts. Throws Error with what libfuse or fusermount3 said and what to do about it.
    void mount();

    /// Serves requests until the filesystem is unmounted (returns) or stop() was called. Throws Error when
    /// /dev/fuse fails in an unexpected way. Call once.
    boost::asio::awaitable<void> run();

    /// Makes run() return although still mounted: what the second SIGTERM does.
    void stop();

    /// Requests served so far, and those being served: what an idle time-out looks at.
    std::uint64_t requests() const;
    std::uint64_t in_flight() const;

    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace demofs::fuse
