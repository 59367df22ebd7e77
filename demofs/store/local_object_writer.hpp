// The writer of one file of a LocalObjectStore. Part of the local store.
//
// A direct file is written in whole pages: behind the object's end it holds zeros to the end of the page, and
// an append that begins within a page writes that page again with the same bytes in front. Whoever wants no
// page with durable bytes to be written again ends what is synced with a page. Zeros behind the object are no
// part of it: the store hides them from readers, and they are cut off when the writer ends.
#pragma once

#include <array>
#include <asyncdrop/passkey.hpp>
#include <memory>
#include <string>

#include "demofs/store/io/data_file.hpp"
#include "demofs/store/io/write_ahead.hpp"
#include "demofs/store/local_directory.hpp"
#include "demofs/store/object_store.hpp"
#include "demofs/store/writer_state.hpp"

namespace demofs::store {

class LocalObjectWriter final : public ObjectWriter {
  public:
    /// Writes `file`, which was created empty; `name` is registered in `directory->being_written` until the
    /// end.
    LocalObjectWriter(asyncdrop::Passkey<LocalObjectWriter>, std::shared_ptr<LocalDirectory> directory,
                      const std::string& name, DataFile file);
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
    asio::awaitable<void> to_its_end(asio::awaitable<void> work);
    asio::awaitable<void> write(ByteSpan data, Durability durability);
    asio::awaitable<void> write_pages(ByteSpan data, bool synced);
    asio::awaitable<void> run(IoOperation& operation, const char* failure);
    asio::awaitable<void> sync_file();
    asio::awaitable<void> sync_and_check();
    asio::awaitable<void> finish();

    std::shared_ptr<LocalDirectory> directory_;
    std::string name_;
    DataFile file_;
    WriterState state_;
    WriteAhead ahead_;
    bool unsynced_ = false;  // something was appended that no sync covers
    // Of a direct file: the page in which the object ends, up to there.
    std::array<std::byte, page_bytes> last_page_;
};

}  // namespace demofs::store
