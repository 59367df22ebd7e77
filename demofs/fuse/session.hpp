// One mounted FUSE connection: mount, serve until the kernel ends it, drain, unmount.
//
// Exactly one thread reads /dev/fuse and runs everything (the core): a request that can be answered from
// memory is answered in the loop that read it. libfuse is used for mounting and for the wire format, not for
// its loops.
//
// Life: make -> mount -> run (returns when the kernel says the filesystem is unmounted, or stop() was called)
// -> async_drop: waits for the requests in flight, then closes the connection. Requests that arrive after
// run() has returned get no answer; the kernel ends them with an error when the connection closes.
//
// What programs write lies in the kernel's page cache first. While files are open for writing, the session
// asks for their pages at a regular interval (open_writers.hpp), so that a crash of the daemon loses little,
// and once more before it stops. A connection that somebody cuts (abort, `umount -f`) takes with it what has
// not come: cut_off() names the files.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/fs/filesystem.hpp"
#include "demofs/fuse/mount.hpp"

namespace demofs::fuse {

struct SessionSettings {
    std::string mount_point;   ///< absolute path of an existing directory
    std::string source;        ///< shown as the device in /proc/mounts: the vault's path
    bool allow_other = false;  ///< let other users in (needs user_allow_other in /etc/fuse.conf unless root)
    bool noexec = false;       ///< the kernel executes no program of it (nosuid and nodev it is always)
    bool read_only = false;
    std::chrono::milliseconds collect_interval{5000};  ///< how often the kernel is asked for its pages
    std::function<void(const std::string&)> log;       ///< libfuse's messages and problems nobody can be told
    std::function<void()> on_ready;                    ///< called once, at the kernel's INIT
};

class Session {
  public:
    /// `filesystem` and `kernel_calls` must outlive async_drop; `executor` is the core's. `kernel_calls` runs
    /// calls that end only after the session has answered requests: it must have no other work that such a
    /// request may wait for.
    static asyncdrop::AsyncDropBox<Session> make(SessionSettings settings, fs::Filesystem& filesystem,
                                                 WorkerPool& kernel_calls,
                                                 boost::asio::any_io_executor executor);

    Session(asyncdrop::Passkey<Session>, SessionSettings settings, fs::Filesystem& filesystem,
            WorkerPool& kernel_calls, boost::asio::any_io_executor executor);
    ~Session();

    /// Mounts. Throws Error with what libfuse or fusermount3 said and what to do about it.
    void mount();

    /// What mount() has mounted.
    const Mount& mounted() const;

    /// Serves requests until the filesystem is unmounted (returns) or stop() was called. Throws Error when
    /// /dev/fuse fails in an unexpected way. Call once.
    boost::asio::awaitable<void> run();

    /// Takes over from the kernel what programs have written so far into files that are still open: the
    /// filesystem has it on return. Not after run() has returned: then it does nothing.
    boost::asio::awaitable<void> take_over();

    /// Takes over from the kernel what programs have written into files that are still open, then makes run()
    /// return although still mounted: what the second SIGTERM does. Later calls change nothing.
    boost::asio::awaitable<void> stop();

    /// A function that cuts the connection and takes the mount away without waiting for anything in this
    /// process: for one that is about to end although requests hang. Valid from mount() on, also when the
    /// session is gone; to be called on the core.
    std::function<void()> cutter() const;

    /// Once run() has returned: files that were open for writing and whose last pages may never have come.
    const std::vector<InodeNumber>& cut_off() const;

    /// Requests served so far, and those being served: what an idle time-out looks at.
    std::uint64_t requests() const;
    std::uint64_t in_flight() const;

    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace demofs::fuse
