// Object stores: named objects that are created once, filled by appending, sealed, and never changed again.
// Everything above (segments, encryption, the tree) sees storage only through this interface.
//
// Contract, proved for every store by tests/conformance:
//   * an object's name is durable when `create` returns; its bytes when a sync that covers them returned;
//   * a reader sees at least what was appended before its read began, also of objects still being written;
//   * a sync may end an object (`ObjectWriter::ended`), as where nothing can be appended to objects;
//   * a writer whose append or sync failed refuses everything from then on and is never retried on the same
//   object: after a failed sync nobody knows which of its bytes the device holds. Readers still see it;
//   * an object whose writer did not come to its end (a crash) may end in zeros that nobody appended;
//   * what a store opened for writing shows of objects of earlier writers survives a crash: what these left
//   unsynced is made durable first, and what a failed sync left in the system's memory only is not shown;
//   * every error names the store and the object.
//
// Memory: where address and offset are the same modulo 4096 (ByteBuffer::congruent), a copy may be spared.
//
// Executors: all functions of a store and its writers belong to one strand (in demofs: the core thread). Any
// number of reads, lists and removes may be in flight together, and one operation for each writer (checked).
// Cancellation: an operation that has begun is awaited to its end. Buffers must stay valid until then.
// Lifetime: writers are dropped before their store.
#pragma once

#include <asyncdrop/box.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "demofs/base/bytes.hpp"

namespace demofs::store {

namespace asio = boost::asio;

/// How much of an append must have happened when it returns.
enum class Durability {
    buffered,  ///< readable; lost in a crash
    synced,    ///< survives a crash, with everything appended before
};

struct ObjectInfo {
    std::string name;
    std::uint64_t size_bytes = 0;

    friend bool operator==(const ObjectInfo&, const ObjectInfo&) = default;
};

/// Capacity of the medium below a store; free is what this user may still write.
struct StoreSpace {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;
};

/// Whether `name` may name an object: 1 to 64 characters out of 0-9, a-z, '-' and '_'.
[[nodiscard]] bool is_object_name(std::string_view name) noexcept;

/// Throws Error (EINVAL) if `name` may not name an object.
void require_object_name(std::string_view name);

/// Appends to one object. Made by ObjectStore::create.
class ObjectWriter {
  public:
    ObjectWriter(const ObjectWriter&) = delete;
    ObjectWriter& operator=(const ObjectWriter&) = delete;
    virtual ~ObjectWriter() = default;

    /// Appends all of `data`, which must stay valid until the return. With Durability::synced, everything
    /// appended so far survives a crash on return, at the cost of one operation if there was no other. Throws
    /// std::logic_error after `ended` or while another operation runs; throws Error(Errc::writes_failed)
    /// after `failed`; any other failure (ENOSPC, EIO, …) makes the writer failed, and any part of `data` may
    /// be readable then.
    [[nodiscard]] virtual asio::awaitable<void> append(ByteSpan data, Durability durability) = 0;

    /// Makes everything appended so far survive a crash. Errors as for `append`; does nothing after `ended`.
    [[nodiscard]] virtual asio::awaitable<void> sync() = 0;

    /// Syncs and ends the object: it will never be written again. Does nothing after `ended`.
    [[nodiscard]] virtual asio::awaitable<void> seal() = 0;

    /// Whether nothing can be appended any more, because of `seal` or because a sync ended the object.
    [[nodiscard]] virtual bool ended() const noexcept = 0;

    /// Whether an operation has failed, so that all further ones are refused.
    [[nodiscard]] virtual bool failed() const noexcept = 0;

    /// Bytes of all appends that succeeded.
    [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;

    /// Closes the object without syncing: what no sync covered may be lost in a crash. Not while an operation
    /// runs.
    [[nodiscard]] virtual asio::awaitable<void> async_drop_impl() = 0;

  protected:
    ObjectWriter() = default;
};

class ObjectStore {
  public:
    ObjectStore(const ObjectStore&) = delete;
    ObjectStore& operator=(const ObjectStore&) = delete;
    virtual ~ObjectStore() = default;

    /// Creates an empty object. Its name survives a crash on return. Throws Error: EEXIST if there is one of
    /// this name, EINVAL for a bad name, EROFS if opened read-only.
    [[nodiscard]] virtual asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> create(std::string name) = 0;

    /// Reads from `offset` into `out`, which must stay valid until the return, and returns the number of
    /// bytes read: fewer than asked only at the end of the object, 0 beyond it. Throws Error: ENOENT if there
    /// is no such object.
    [[nodiscard]] virtual asio::awaitable<std::size_t> read(std::string name, std::uint64_t offset,
                                                            MutableByteSpan out) = 0;

    /// The same without waiting, for bytes that are in memory anyway; nothing if it would have to wait or
    /// fails (then `read` tells why). `out` may have been written to in part. `read` does not try this first:
    /// who would rather not wait asks here before.
    [[nodiscard]] virtual std::optional<std::size_t> try_read(const std::string& name, std::uint64_t offset,
                                                              MutableByteSpan out) noexcept = 0;

    /// All objects, in no particular order. Those created or removed meanwhile may or may not be among them.
    [[nodiscard]] virtual asio::awaitable<std::vector<ObjectInfo>> list() = 0;

    /// Removes an object that nobody writes; durable on return. Reads that have begun may finish. Throws
    /// Error: ENOENT if there is no such object, EBUSY if a writer has it open, EROFS if opened read-only.
    [[nodiscard]] virtual asio::awaitable<void> remove(std::string name) = 0;

    [[nodiscard]] virtual asio::awaitable<StoreSpace> space() = 0;

    /// What this store is, for messages: "directory /home/x/vault".
    [[nodiscard]] virtual std::string name() const = 0;

    /// Ends the store; no operation may be running and no writer open. Releases files and locks.
    [[nodiscard]] virtual asio::awaitable<void> async_drop_impl() = 0;

  protected:
    ObjectStore() = default;
};

}  // namespace demofs::store
