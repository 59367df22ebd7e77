// Frees in small steps what unlink and truncate left behind: background AsyncDrop task.
//
// Its work list is in the tree (orphan records); the queue here only says where to look. So it may stop at
// any moment: the next mount finds the rest. It also ends open files whose last handle was released, since
// that is the moment when an unlinked inode's content becomes free.
//
// Threads: the core.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <asyncdrop/task.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <utility>

#include "demofs/base/types.hpp"
#include "demofs/fs/background/reclaim_step.hpp"
#include "demofs/fs/handles/open_file_table.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::fs {

class Reclaimer {
  public:
    /// Whether an inode is open or known to the kernel.
    using InUse = std::function<bool(InodeNumber)>;
    using OnProblem = std::function<void(const std::exception_ptr&)>;

    /// `tree` and `open_files` must outlive the drop.
    static asyncdrop::AsyncDropBox<Reclaimer> make(boost::asio::any_io_executor executor, tree::Tree& tree,
                                                   OpenFileTable& open_files, InUse in_use,
                                                   OnProblem on_problem) {
        return asyncdrop::make_box<Reclaimer>(std::move(executor), tree, open_files, std::move(in_use),
                                              std::move(on_problem));
    }

    Reclaimer(asyncdrop::Passkey<Reclaimer>, boost::asio::any_io_executor executor, tree::Tree& tree,
              OpenFileTable& open_files, InUse in_use, OnProblem on_problem)
        : executor_(std::move(executor)),
          tree_(&tree),
          open_files_(&open_files),
          in_use_(std::move(in_use)),
          on_problem_(std::move(on_problem)) {}

    /// Starts with all orphans that the tree holds.
    void start();

    /// There is something to do for the orphan record of this number.
    void add(std::uint64_t number);
    /// A released handle waits in the open-file table.
    void wake() {
        if (task_) task_->wake();  // else it has not been started, or is being stopped
    }
    bool idle() const { return scanned_ && queue_.empty(); }

    /// Stops after the step that is under way.
    boost::asio::awaitable<void> async_drop_impl() { return task_.async_drop(); }

  private:
    boost::asio::awaitable<void> run(asyncdrop::TaskControl& control);
    boost::asio::awaitable<void> scan_orphans(asyncdrop::TaskControl& control);
    boost::asio::awaitable<void> reclaim_next();
    Reclaimed step(std::uint64_t number);

    boost::asio::any_io_executor executor_;
    tree::Tree* tree_;
    OpenFileTable* open_files_;
    InUse in_use_;
    OnProblem on_problem_;
    std::deque<std::uint64_t> queue_;
    bool scanned_ = false;
    asyncdrop::AsyncDropGuard<asyncdrop::AsyncDropTask> task_;
};

}  // namespace demofs::fs
