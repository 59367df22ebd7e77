// Zeros behind an object's end, written before they are needed: small appends that are synced one by one then
// overwrite what the file has already. That needs no commit of the filesystem's journal, growing does, and
// that is about half of such a sync's time.
//
// The zeros are made in the background and are durable before they count, so that no append waits for them,
// except the first ones of an object and one that runs faster than the disk. They are no part of the object:
// its store hides them from readers, and its writer cuts them off when it ends. Only a crash leaves them.
//
// Threads: the engine's. Memory: one page of zeros for the whole process.

#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <exception>

#include "demofs/base/wait_queue.hpp"
#include "demofs/store/io/data_file.hpp"
#include "demofs/store/io/io_engine.hpp"

namespace demofs::store {

class WriteAhead {
  public:
    /// For `file`, which is empty. Engine, executor and file must outlive `stop`.
    WriteAhead(IoEngine& engine, const asio::any_io_executor& executor, const DataFile& file)
        : engine_(engine), executor_(executor), file_(file) {}
    WriteAhead(const WriteAhead&) = delete;
    WriteAhead& operator=(const WriteAhead&) = delete;

    /// What the file holds at most: the object, then zeros.
    [[nodiscard]] std::uint64_t file_bytes() const noexcept { return file_bytes_; }

    /// The file up to `end` is to be written by the object's writer: waits while zeros are being written
    /// there. Throws what made a sync of zeros fail, because the file's other bytes may be lost then, too.
    [[nodiscard]] asio::awaitable<void> make_way(std::uint64_t end);

    /// The writer has written up to `end`.
    void written(std::uint64_t end) noexcept;

    /// The writer has appended `size_bytes` up to `end`, synced or not: begins to write zeros if appends like
    /// this one will soon want them.
    void appended(std::size_t size_bytes, std::uint64_t end, bool synced);

    /// The writer has cut the file at `end`.
    void cut(std::uint64_t end) noexcept { file_bytes_ = end; }

    /// Waits for what is being written; no more is begun.
    [[nodiscard]] asio::awaitable<void> stop();

  private:
    asio::awaitable<void> write_zeros(std::uint64_t begin, std::uint64_t end);
    asio::awaitable<void> extend(std::uint64_t begin, std::uint64_t end);

    IoEngine& engine_;
    asio::any_io_executor executor_;
    const DataFile& file_;
    std::uint64_t file_bytes_ = 0;
    std::uint64_t zeros_begin_ = 0;  // of those being written
    bool running_ = false;
    bool wanted_ = true;              // until the medium refuses, or stop()
    bool small_sync_before_ = false;  // the append before was small and synced
    std::exception_ptr sync_failure_;
    WaitQueue ended_;
};

}  // namespace demofs::store
