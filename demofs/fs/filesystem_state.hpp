// The inside of Filesystem: its parts, and how an operation is attempted, waited for and attempted again.
//
// Where a function is defined, State's and Filesystem's alike:
//   filesystem.cpp             the life of a Filesystem, the kernel's lookup counts, figures for reports
//   filesystem_state.cpp       making the parts; what an attempt may have to wait for; telling problems
//   filesystem_operations.cpp  one attempt at each operation that is a value, and its consequences
//   filesystem_files.cpp       open, read and write; who may write now
//   filesystem_durability.cpp  from the buffers through the tree to the store, and when that has failed
//
// Threads: the core. Everything a part refers to lives here too or outlives the Filesystem.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <variant>
#include <vector>

#include "demofs/base/error.hpp"
#include "demofs/fs/background/flusher.hpp"
#include "demofs/fs/background/readahead.hpp"
#include "demofs/fs/background/reclaimer.hpp"
#include "demofs/fs/content/content_locks.hpp"
#include "demofs/fs/content/file_contents.hpp"
#include "demofs/fs/edit/change_epochs.hpp"
#include "demofs/fs/edit/numbers.hpp"
#include "demofs/fs/edit/space_gate.hpp"
#include "demofs/fs/filesystem.hpp"
#include "demofs/fs/handles/lookup_counts.hpp"
#include "demofs/fs/handles/open_file_table.hpp"
#include "demofs/fs/model/must_wait.hpp"
#include "demofs/fs/namespace/change.hpp"
#include "demofs/fs/namespace/name_index.hpp"
#include "demofs/fs/namespace/read_operation.hpp"

namespace demofs::fs {

struct Filesystem::State {
    State(FilesystemSettings with, tree::Tree& over, store::ObjectStore& in, NameHash name_hash,
          boost::asio::any_io_executor on);

    // --- attempts (filesystem_state.cpp) ---------------------------------------------------------

    // Runs `operation` (a callable returning a Result) once; nothing if it would have to wait.
    template <class F>
    std::optional<std::invoke_result_t<F&>> try_attempt(F operation) {
        try {
            return operation();
        } catch (const tree::NodeFault&) {
            return std::nullopt;
        } catch (const MustWait&) {
            return std::nullopt;
        } catch (...) {
            return std::invoke_result_t<F&>(report(std::current_exception()));
        }
    }

    // Runs `operation` until it does not have to wait any more.
    template <class F>
    boost::asio::awaitable<std::invoke_result_t<F&>> attempt(F operation) {
        for (;;) {
            Obstacle obstacle;
            try {
                co_return operation();
            } catch (const tree::NodeFault& fault) {
                obstacle = fault;
            } catch (const MustWait& reason) {
                obstacle = reason;
            } catch (...) {
                co_return report(std::current_exception());
            }
            std::exception_ptr error;
            try {
                co_await overcome(obstacle);
            } catch (...) {
                error = std::current_exception();
            }
            if (error) co_return report(error);
        }
    }

    using Obstacle = std::variant<std::monostate, tree::NodeFault, MustWait>;
    boost::asio::awaitable<void> overcome(Obstacle obstacle);

    // Reports a problem once, with what it kept from happening ("Reading inode 7"), and returns its errno.
    std::errc report(const std::exception_ptr& error, const std::string& doing = {});

    // --- operations that are values (filesystem_operations.cpp) ----------------------------------

    // Both ways into any of them that changes nothing.
    template <class Operation>
    std::optional<Result<typename Operation::Reply>> try_run(const Operation& operation) {
        return try_attempt([&] { return execute(operation); });
    }
    template <class Operation>
    boost::asio::awaitable<Result<typename Operation::Reply>> run(Operation operation) {
        const auto once = [this, &operation] { return execute(operation); };
        co_return co_await attempt(once);
    }
    // The same for one that changes something: what is not durable yet has to stay in memory, so it waits above
    // the limit, as writers do.
    template <class Operation>
    std::optional<Result<typename Operation::Reply>> try_change(const Operation& operation) {
        if (tree.needs_throttle()) return std::nullopt;
        return try_run(operation);
    }
    template <class Operation>
    boost::asio::awaitable<Result<typename Operation::Reply>> change(Operation operation) {
        const auto once = [this, &operation] { return execute(operation); };
        co_return co_await attempt_below_limit(once);
    }
    // And in the queue of the writers of a file, for what must not overtake them: a new size.
    template <class Operation>
    boost::asio::awaitable<Result<typename Operation::Reply>> change_in_turn(InodeNumber inode,
                                                                             Operation operation) {
        const auto once = [this, &operation] { return execute(operation); };
        const auto enter = [this, inode] { return content_locks.enter(inode); };
        const auto work = [this, &once](ContentLocks::Turn&) { return attempt_below_limit(once); };
        std::exception_ptr error;
        try {
            co_return co_await asyncdrop::with_async_drop(enter, work);
        } catch (...) {
            error = std::current_exception();
        }
        co_return report(error);
    }
    template <class F>
    boost::asio::awaitable<std::invoke_result_t<F&>> attempt_below_limit(F operation) {
        const Result<Nothing> room = co_await throttle();
        if (!room) co_return room.error();
        co_return co_await attempt(operation);
    }

    // One attempt.
    Result<Attributes> execute(const Lookup& operation) { return answer(where(), operation, adjust); }
    Result<Attributes> execute(const GetAttributes& operation) { return answer(where(), operation, adjust); }
    Result<std::string> execute(const ReadLink& operation) { return answer(where(), operation, adjust); }
    Result<std::vector<DirectoryEntry>> execute(const ReadDirectory& operation) {
        return answer(where(), operation, adjust);
    }
    Result<Attributes> execute(const Create& operation);
    Result<Attributes> execute(const Link& operation);
    Result<Nothing> execute(const Unlink& operation);
    Result<Nothing> execute(const Rename& operation);
    Result<Attributes> execute(const SetAttributes& operation);

    // The one gate of everything that changes the vault: the errno for what must not begin, because the vault
    // is mounted read-only, nothing can be written any more, or `new_bytes` do not fit. Throws MustWait.
    std::optional<std::errc> refuse_change(std::uint64_t new_bytes = 0);

    // What follows from a change that succeeded.
    void applied(const Effects& effects);
    bool in_use(InodeNumber inode) const { return open_files->is_open(inode) || lookups.known(inode); }
    // An unlinked inode that nobody uses goes to the reclaimer.
    void consider_reclaiming(InodeNumber inode);
    Namespace where() { return {tree, names}; }

    // --- files (filesystem_files.cpp) ------------------------------------------------------------

    Result<HandleId> open_once(InodeNumber inode);
    Result<std::size_t> write_once(InodeNumber inode, std::uint64_t offset, ByteSpan data,
                                   const std::optional<Timestamp>& now);
    boost::asio::awaitable<Result<std::size_t>> write_in_turn(InodeNumber inode, std::uint64_t offset,
                                                              ByteSpan data, std::optional<Timestamp> now);
    bool room_left() const;
    // Writers wait here while too much is buffered or not yet durable; the error is one of `writer`, or of all.
    boost::asio::awaitable<Result<Nothing>> make_room(InodeNumber writer);
    // Everybody who changes something waits here while too much is not yet durable.
    boost::asio::awaitable<Result<Nothing>> throttle();
    // Brings part of a file into the block cache; errors are left to the read that needs it.
    boost::asio::awaitable<void> fetch(InodeNumber inode, std::uint64_t offset, std::size_t size);

    // --- durability (filesystem_durability.cpp) --------------------------------------------------

    // Moves a bounded part of what is buffered of a file into the tree; true: nothing is left.
    Result<bool> flush_once(InodeNumber inode);
    boost::asio::awaitable<Result<Nothing>> flush_file(InodeNumber inode);
    // Flushes every file. The first error is returned, after all were tried.
    boost::asio::awaitable<Result<Nothing>> flush_all();
    // Part of every commit: a name or a size must not become durable without the content that was written
    // before it. Of a file that cannot be flushed the content stays buffered, and its fsync says why.
    void flush_for_commit();
    boost::asio::awaitable<void> flush_before_commit();
    boost::asio::awaitable<void> flush_in_slices();
    // As flush_once; true: there is more. Throws NodeFault, and reports any other error.
    bool flush_some(InodeNumber inode);
    void report_unwritten(InodeNumber inode, const std::exception_ptr& error);
    // What the flusher does: flushes everything and commits.
    boost::asio::awaitable<void> write_back();
    boost::asio::awaitable<Result<Nothing>> make_durable(Epoch epoch);

    // What was accepted and has yet to reach the store.
    std::uint64_t unwritten_bytes() const;
    bool storage_failed() const;
    Errc storage_failure() const;
    // What those are told who ask for durability once storage has failed: why, and not what an attempt met.
    std::errc storage_error() const;
    std::errc durability_error(std::errc code) const;
    // Tell the log, once.
    void report_failed_storage();
    void report_full_disk();

    // --- parts -----------------------------------------------------------------------------------

    FilesystemSettings settings;
    tree::Tree& tree;
    store::ObjectStore& store;
    boost::asio::any_io_executor executor;
    NameIndex names;
    Numbers numbers;
    FileContents contents;
    AdjustRecord adjust;  // adds what is buffered
    LookupCounts lookups;
    ChangeEpochs change_epochs;
    SpaceGate space_gate;
    ContentLocks content_locks;
    std::unordered_set<InodeNumber> unlinked;  // without a name, and still in use when that happened
    std::set<std::string> reported;
    asyncdrop::AsyncDropBox<OpenFileTable> open_files;
    asyncdrop::AsyncDropBox<Reclaimer> reclaimer;  // uses open_files
    asyncdrop::AsyncDropBox<Flusher> flusher;
    asyncdrop::AsyncDropBox<Readahead> readahead;
};

}  // namespace demofs::fs
