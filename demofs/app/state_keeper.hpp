// Keeps this machine's memory of how new a vault is (local_state.hpp) while the vault is used for writing.
//
// It asks in each interval which commit is the newest durable one, and writes that to the file if it has changed;
// once more when it is dropped, which is to be after the last commit and before the tree goes. So the memory is
// never ahead of the vault, and behind it by little more than an interval if the machine stops. Nobody waits for
// it: the file is written by a thread of its own, and if that fails, the user is told once and nothing else happens.
//
// Threads: the core. The drop waits for the file.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <asyncdrop/task.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "demofs/app/local_state.hpp"
#include "demofs/app/vault.hpp"
#include "demofs/base/worker_pool.hpp"

namespace demofs::app {

class StateKeeper {
  public:
    /// Which commit is the newest that is durable; none: there is no commit yet. Called on the core.
    using Newest = std::function<std::optional<tree::ReplicaVersion>()>;

    /// `replica` is this machine's copy of the vault, `stored` what the file holds, none if it has to be written anew.
    /// `notice` is called on the core.
    [[nodiscard]] static asyncdrop::AsyncDropBox<StateKeeper> make(LocalStateFile file,
                                                                   const ReplicaId& replica,
                                                                   std::optional<LocalState> stored,
                                                                   Notice notice);

    StateKeeper(asyncdrop::Passkey<StateKeeper>, LocalStateFile file, const ReplicaId& replica,
                std::optional<LocalState> stored, Notice notice);

    /// Saves now, follows `newest` from then on, and saves at most once in each `interval`. Call once. What `newest`
    /// uses must outlive the drop. Never throws for a file that cannot be written.
    boost::asio::awaitable<void> start(boost::asio::any_io_executor executor,
                                       std::chrono::milliseconds interval, Newest newest);

    /// Ends the background and saves; nothing if it was not started.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    boost::asio::awaitable<void> save();
    boost::asio::awaitable<void> save_regularly(asyncdrop::TaskControl& control);

    LocalStateFile file_;
    ReplicaId replica_;
    std::optional<LocalState> stored_;  // what the file holds; none: something else
    Notice notice_;
    bool told_ = false;  // that it cannot be written
    Newest newest_;      // empty before start()
    std::chrono::milliseconds interval_{};
    asyncdrop::AsyncDropBox<WorkerPool> thread_;
    asyncdrop::AsyncDropGuard<asyncdrop::AsyncDropTask> background_;
};

}  // namespace demofs::app
