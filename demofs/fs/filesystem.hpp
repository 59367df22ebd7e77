// POSIX semantics over the tree, without FUSE.
//
// Two ways into each operation: `try_run` (and try_read, try_write) is a plain function that answers from
// memory or returns nothing when it would have to wait; `run` (read, write) is a coroutine that waits. A
// server calls the first inline and spawns the second only if it must. Errors of the operation itself are
// `Result`s with an errno; damage and failed storage arrive there as EIO or EROFS, and their sentence in the
// log.
//
// Threads: one executor thread (the core). Lifetime: the tree must outlive async_drop.
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
#include "demofs/fs/model/attributes.hpp"
#include "demofs/fs/model/operations.hpp"
#include "demofs/store/object_store.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::fs {

struct FilesystemSettings {
    std::size_t dirty_data_bytes = 64 * 1024 * 1024;  // partial blocks kept in memory, over all files
    std::chrono::milliseconds commit_interval{
        5000};  // the flusher commits changes not older than about twice this
    std::uint64_t reserve_bytes =
        64 * 1024 * 1024;  // store space left for deletes and commits when writes get ENOSPC
    std::uint32_t data_block_bytes = 32 * 1024;  // payload of a full data block
    std::uint32_t inline_bytes = 1024;           // files up to this size live in the tree
    std::size_t readahead_bytes = 2u << 20;      // kept ahead of a file's sequential reader; 0: none
    unsigned name_hash_bits = 56;                // fewer in tests, to make collisions
    bool read_only = false;
    std::function<void(const std::string&)> on_problem;  // sentences that no caller can be told, for the log
};

// Keyed hash of a name for directory entries (crypto::VaultKeys provides it).
using NameHash = std::function<std::uint64_t(std::string_view)>;

enum class HandleId : std::uint64_t {};

// The bytes of a read, in order; less than asked only at the end of the file. Holes are zero bytes.
struct ReadReply {
    std::vector<SharedBytes> pieces;
    std::size_t size_bytes = 0;
};

class Filesystem {
  public:
    // An empty vault's first commit: the root directory, owned by uid:gid, mode 0755.
    static boost::asio::awaitable<void> format(tree::Tree& tree, std::uint32_t uid, std::uint32_t gid);

    // `tree` and `store` (asked for free space only) must outlive async_drop. Background tasks (flusher,
    // reclaimer) run on `executor` and are started by start().
    static asyncdrop::AsyncDropGuard<Filesystem> make(FilesystemSettings settings, tree::Tree& tree,
                                                      store::ObjectStore& store, NameHash name_hash,
                                                      boost::asio::any_io_executor executor);

    Filesystem(asyncdrop::Passkey<Filesystem>, FilesystemSettings settings, tree::Tree& tree,
               store::ObjectStore& store, NameHash name_hash, boost::asio::any_io_executor executor);
    Filesystem(Filesystem&&) noexcept;
    ~Filesystem();

    // Starts flusher and reclaimer (the latter resumes what an earlier mount left behind).
    void start();

    // --- operations ------------------------------------------------------------------------------
    // Lookup, GetAttributes, ReadLink, ReadDirectory, Create, Link, Remove, Rename, SetAttributes
    template <class Operation>
    std::optional<Result<typename Operation::Reply>> try_run(const Operation& operation);
    template <class Operation>
    boost::asio::awaitable<Result<typename Operation::Reply>> run(Operation operation);

    // --- files -----------------------------------------------------------------------------------

    // A handle keeps the inode alive until release(). ENOENT, EISDIR.
    std::optional<Result<HandleId>> try_open(InodeNumber inode);
    boost::asio::awaitable<Result<HandleId>> open(InodeNumber inode);
    // Ends a handle. The last one of an unlinked inode hands its data to the reclaimer.
    void release(HandleId handle);

    std::optional<Result<ReadReply>> try_read(InodeNumber inode, std::uint64_t offset, std::size_t size);
    boost::asio::awaitable<Result<ReadReply>> read(InodeNumber inode, std::uint64_t offset, std::size_t size);

    // `now`: the file's new times; none: they stay (the kernel wrote back its page cache, and keeps the times
    // itself). All of `data` or an error (ENOSPC, EFBIG, EIO, EROFS). try_write also declines above the dirty
    // limits, so that write() can wait there.
    std::optional<Result<std::size_t>> try_write(InodeNumber inode, std::uint64_t offset, ByteSpan data,
                                                 std::optional<Timestamp> now);
    boost::asio::awaitable<Result<std::size_t>> write(InodeNumber inode, std::uint64_t offset,
                                                      SharedBytes data, std::optional<Timestamp> now);

    // Durability: content and attributes of the inode (directories: entries) survive a crash on return.
    // Concurrent calls share commits. Once the storage has failed: EIO, or ENOSPC if it was full, for ever.
    boost::asio::awaitable<Result<Nothing>> sync(InodeNumber inode);
    boost::asio::awaitable<Result<Nothing>> sync_all();

    // The storage error that close(2) has to report, without waiting for anything.
    Result<Nothing> flush(InodeNumber inode);

    boost::asio::awaitable<Result<FilesystemSpace>> space();

    // --- the kernel's knowledge of inodes (lookup counts) ----------------------------------------
    void retain(InodeNumber inode);
    void forget(InodeNumber inode, std::uint64_t count);
    void forget_all();  // the session has ended: every handle and lookup count is taken as released

    // --- state, for reports ----------------------------------------------------------------------
    std::size_t open_handles() const;
    std::size_t dirty_files() const;
    std::vector<InodeNumber> unwritten_inodes() const;  // with content that is not durable

    // Stops flusher and reclaimer (what is left resumes at the next mount), ends handles, writes buffered
    // data into the tree. The tree's own async_drop commits it. Errors: the first storage error.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace demofs::fs
