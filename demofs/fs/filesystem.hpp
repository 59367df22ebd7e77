// POSIX semantics over the tree, without FUSE.
//
// Two ways into each operation: `try_run` (and try_read, try_write) is a plain function that answers from
// memory or returns nothing when it would have to wait; `run` (read, write) is a coroutine that waits. A
// server calls the first inline and spawns the second only if it must. Errors of the operation itself are
// `Result`s with an errno; damage and failed storage arrive there as EIO or EROFS, and their sentence in the
// log.
//
// What an operation means and which errors it has is said where it is declared: model/operations.hpp.
//
// Threads: one executor thread (the core).
// Lifetime: the tree must outlive async_drop.
// Cancellation: an operation that is cancelled while it waits fails with EINTR.
// Durability: none before sync(), sync_all() or the background flusher (see FilesystemSettings) has run.
#pragma once

#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/base/result.hpp"
#include "demofs/fs/handles/handle_id.hpp"
#include "demofs/fs/model/attributes.hpp"
#include "demofs/fs/model/operations.hpp"
#include "demofs/store/object_store.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::fs {

struct FilesystemSettings {
    std::size_t dirty_data_bytes = 64 << 20;          ///< partial blocks kept in memory, over all files
    std::chrono::milliseconds commit_interval{5000};  ///< how often the flusher commits what has changed
    std::uint64_t reserve_bytes = 64 << 20;  ///< store space kept for deletes and commits: writes get ENOSPC
    std::uint32_t data_block_bytes = 32 << 10;  ///< payload of a full data block
    std::uint32_t inline_bytes = 1024;          ///< files up to this size live in the tree
    std::size_t readahead_bytes = 2 << 20;      ///< kept ahead of a file's sequential reader; 0: none
    unsigned name_hash_bits = 56;               ///< fewer in tests, to make collisions
    bool read_only = false;                     ///< every change is refused with EROFS
    std::function<void(const std::string&)> on_problem;  ///< sentences that no caller can be told
};

/// Keyed hash of a name for directory entries (crypto::VaultKeys provides it).
using NameHash = std::function<std::uint64_t(std::string_view)>;

/// The bytes of a read, in order; less than asked only at the end of the file. Holes are zero bytes.
struct ReadReply {
    std::vector<SharedBytes> pieces;
    std::size_t size_bytes = 0;
};

class Filesystem {
  public:
    /// An empty vault's first commit: the root directory, owned by uid:gid, mode 0755.
    static boost::asio::awaitable<void> format(tree::Tree& tree, std::uint32_t uid, std::uint32_t gid);

    /// `tree` and `store` (asked for free space only) must outlive async_drop. Background tasks (flusher,
    /// reclaimer) run on `executor` and are started by start().
    static asyncdrop::AsyncDropGuard<Filesystem> make(FilesystemSettings settings, tree::Tree& tree,
                                                      store::ObjectStore& store, NameHash name_hash,
                                                      boost::asio::any_io_executor executor);

    Filesystem(asyncdrop::Passkey<Filesystem>, FilesystemSettings settings, tree::Tree& tree,
               store::ObjectStore& store, NameHash name_hash, boost::asio::any_io_executor executor);
    Filesystem(Filesystem&&) noexcept;
    ~Filesystem();

    /// Starts flusher and reclaimer (the latter resumes what an earlier mount left behind).
    void start();

    // --- operations that are values (model/operations.hpp) ----------------------------------------
    // try_run: nothing if it would have to wait. run: waits.

    std::optional<Result<Attributes>> try_run(const Lookup& operation);
    std::optional<Result<Attributes>> try_run(const GetAttributes& operation);
    std::optional<Result<std::string>> try_run(const ReadLink& operation);
    std::optional<Result<std::vector<DirectoryEntry>>> try_run(const ReadDirectory& operation);
    std::optional<Result<Attributes>> try_run(const Create& operation);
    std::optional<Result<Attributes>> try_run(const Link& operation);
    std::optional<Result<Nothing>> try_run(const Unlink& operation);
    std::optional<Result<Nothing>> try_run(const Rename& operation);
    std::optional<Result<Attributes>> try_run(const SetAttributes& operation);

    boost::asio::awaitable<Result<Attributes>> run(Lookup operation);
    boost::asio::awaitable<Result<Attributes>> run(GetAttributes operation);
    boost::asio::awaitable<Result<std::string>> run(ReadLink operation);
    boost::asio::awaitable<Result<std::vector<DirectoryEntry>>> run(ReadDirectory operation);
    boost::asio::awaitable<Result<Attributes>> run(Create operation);
    boost::asio::awaitable<Result<Attributes>> run(Link operation);
    boost::asio::awaitable<Result<Nothing>> run(Unlink operation);
    boost::asio::awaitable<Result<Nothing>> run(Rename operation);
    boost::asio::awaitable<Result<Attributes>> run(SetAttributes operation);

    // --- files -----------------------------------------------------------------------------------

    /// Opens a file: the handle keeps the inode alive until release(). ENOENT, EISDIR.
    std::optional<Result<HandleId>> try_open(InodeNumber inode);
    boost::asio::awaitable<Result<HandleId>> open(InodeNumber inode);
    /// Ends a handle. The last one of an unlinked inode hands its data to the reclaimer.
    void release(HandleId handle);

    /// Reads `size` bytes from `offset`, as the file is at this moment. ENOENT, EISDIR, EINVAL, EIO.
    std::optional<Result<ReadReply>> try_read(InodeNumber inode, std::uint64_t offset, std::size_t size);
    boost::asio::awaitable<Result<ReadReply>> read(InodeNumber inode, std::uint64_t offset, std::size_t size);

    /// Writes all of `data`, or fails with nothing written (ENOSPC, EFBIG, EIO, EROFS). `now`: the file's new
    /// times; none: they stay (the kernel wrote back its page cache, and keeps the times itself). try_write
    /// also declines above the dirty limits, so that write() can wait there. Writes to one file that have to
    /// wait happen in the order of their calls.
    std::optional<Result<std::size_t>> try_write(InodeNumber inode, std::uint64_t offset, ByteSpan data,
                                                 std::optional<Timestamp> now);
    boost::asio::awaitable<Result<std::size_t>> write(InodeNumber inode, std::uint64_t offset,
                                                      SharedBytes data, std::optional<Timestamp> now);

    // --- durability ------------------------------------------------------------------------------

    /// Content and attributes of the inode (directories: entries) survive a crash on return. Concurrent calls
    /// share commits. Once the storage has failed: EIO, or ENOSPC if it was full, for ever.
    boost::asio::awaitable<Result<Nothing>> sync(InodeNumber inode);
    /// The same for everything that was changed before the call.
    boost::asio::awaitable<Result<Nothing>> sync_all();

    /// What close(2) has to report of the file: the storage error by which changes of it are lost. Writes
    /// nothing and waits for nothing.
    Result<Nothing> close_result(InodeNumber inode) const;

    /// Total and free space of the store, without the reserve and what has yet to be written.
    boost::asio::awaitable<Result<FilesystemSpace>> space();

    // --- the kernel's knowledge of inodes (lookup counts) ----------------------------------------

    /// The kernel was told of the inode once more; it stays until the kernel has forgotten it as often.
    void retain(InodeNumber inode);
    void forget(InodeNumber inode, std::uint64_t count);
    /// The session has ended: every handle and lookup count is taken as released.
    void forget_all();

    // --- state, for reports ----------------------------------------------------------------------

    std::size_t open_handles() const;
    std::size_t dirty_files() const;
    /// Inodes with changes that are not durable, in ascending order.
    std::vector<InodeNumber> undurable_inodes() const;

    /// Stops flusher and reclaimer (what is left resumes at the next mount), ends handles, writes buffered
    /// data into the tree. The tree's own async_drop commits it. Errors: the first storage error.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace demofs::fs
