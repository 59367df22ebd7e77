// What ends a mount from inside the daemon: SIGTERM, SIGINT, SIGQUIT, SIGHUP (unless it was ignored from the
// start, as nohup does it), and the idle time-out. All but a second signal unmount; the session then ends by
// itself, as it does after `fusermount3 -u`.
//
// A first signal unmounts normally; if files are in use, it detaches the mount and the session goes on until
// they are closed. A second signal does not unmount but stops the session (fuse::Session::stop) once the
// kernel has handed over what programs have written so far. From the second signal on, one that comes while
// nothing moves on any more (saving_watch.hpp) gives up: a store that does not answer must not hold the
// process for ever. As long as something is being saved, signals only say so.
//
// Threads: the core.
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

#include "demofs/app/vault.hpp"
#include "demofs/fuse/mount.hpp"

namespace demofs::app {

/// What a mount is being used for.
struct MountUse {
    std::uint64_t requests = 0;  ///< so far
    bool busy = false;           ///< a file is open, or a request is being answered
};

/// What the triggers ask of the daemon; all of it is called on the core. The last three only between mounted() and
/// unmounted(), and what they have begun may end after that.
struct TriggerActions {
    std::function<void()> report;        ///< SIGUSR1: say what is going on
    std::function<void()> going_down;    ///< the mount is to end, and what follows should move on
    std::function<void()> only_serving;  ///< it goes on serving until programs close their files
    std::function<bool()> stuck;         ///< whether nothing moves on any more
    std::function<void(const std::string& cause)> give_up;  ///< end at once
    /// Unmounts where it may block, and throws fuse::unmount's errors.
    std::function<boost::asio::awaitable<void>(fuse::UnmountMode)> unmount;
    std::function<boost::asio::awaitable<void>()> stop_serving;  ///< fuse::Session::stop
    std::function<MountUse()> use;
};

class UnmountTriggers {
  public:
    /// From here on the signals do not end the process any more.
    static asyncdrop::AsyncDropBox<UnmountTriggers> make(boost::asio::any_io_executor executor, Notice notice,
                                                         TriggerActions actions);

    UnmountTriggers(asyncdrop::Passkey<UnmountTriggers>, boost::asio::any_io_executor executor, Notice notice,
                    TriggerActions actions);
    ~UnmountTriggers();

    /// Starts listening for signals. One that comes before mounted() takes effect then.
    void start();

    /// `idle_timeout` 0: never.
    void mounted(std::chrono::seconds idle_timeout);
    void unmounted();

    /// Why the mount ended, as far as it was one of these; empty if somebody else unmounted.
    const std::string& cause() const;

    /// Afterwards the signals are ignored until the process ends: how it ends is settled, and a second Ctrl-C
    /// that comes a moment too late must not turn a clean end into a death by signal.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace demofs::app
