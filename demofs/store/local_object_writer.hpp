#pragma once
// The writer of one file of a LocalObjectStore. Part of the local store.
//
// Small appends that are synced one by one go into bytes that the file has already: zeros, written ahead now
// and then. Overwriting needs no commit of the file system's journal, growing does, and that is about half of
// such a sync's time. What is ahead is no part of the object: the store hides it from readers, and it is cut
// off when the writer ends. Only a crash leaves it.

#include <asyncdrop/passkey.hpp>
#include <memory>
#include <string>

#include "demofs/store/local_directory.hpp"
#include "demofs/store/object_store.hpp"
#include "demofs/store/writer_state.hpp"

namespace demofs::store {

class LocalObjectWriter final : public ObjectWriter {
  public:
    /// Writes `file`, which was created empty; `name` is registered in `directory->being_written` until the
    /// end.
    LocalObjectWriter(asyncdrop::Passkey<LocalObjectWriter>, std::shared_ptr<LocalDirectory> directory,
                      const std::string& name, FileDescriptor file);
    ~LocalObjectWriter() override;

    asio::awaitable<void> append(ByteSpan data, Durability durability) override;
    asio::awaitable<void> sync() override;
    asio::awaitable<void> seal() override;
    bool ended() const noexcept override { return state_.ended(); }
    bool failed() const noexcept override { return state_.failed(); }
    std::uint64_t size() const noexcept override { return state_.size(); }
    /// Closes the file. Throws Error if closing reports that data was lost, unless the writer has failed
    /// before.
    asio::awaitable<void> async_drop_impl() override;

  private:
    enum class SyncKind { none, data, seal };
    struct Job;
    asio::awaitable<void> run(ByteSpan data, SyncKind sync);
    std::uint64_t prewrite_target(std::size_t data_bytes, SyncKind sync);

    std::shared_ptr<LocalDirectory> directory_;
    std::string name_;
    FileDescriptor file_;
    WriterState state_;
    std::uint64_t file_bytes_ = 0;    // what the file holds: the object, then zeros
    bool prewrites_ = true;           // until the medium refuses
    bool small_sync_before_ = false;  // the operation before was a small append with its sync
};

}  // namespace demofs::store
