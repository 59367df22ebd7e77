#include "demofs/store/local_object_writer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <utility>

#include "demofs/base/error.hpp"

namespace demofs::store {
namespace {

constexpr std::size_t small_append_bytes = 64u << 10;
constexpr std::uint64_t prewritten_bytes = 1u << 20;
constexpr std::array<std::byte, 64u << 10> zeros{};

void write_zeros(int file, std::uint64_t begin, std::uint64_t end) {
    while (begin < end) {
        const std::size_t size = std::min<std::uint64_t>(end - begin, zeros.size());
        write_fully(file, begin, ByteSpan(zeros).first(size));
        begin += size;
    }
}

}  // namespace

LocalObjectWriter::LocalObjectWriter(asyncdrop::Passkey<LocalObjectWriter>,
                                     std::shared_ptr<LocalDirectory> directory, const std::string& name,
                                     FileDescriptor file)
    : directory_(std::move(directory)),
      name_(name),
      file_(std::move(file)),
      state_(directory_->path_of(name)) {
    directory_->being_written.emplace(name_, &state_);
}

LocalObjectWriter::~LocalObjectWriter() {
    directory_->being_written.erase(name_);
}

/// What runs on a worker: the write and the sync in one go, since a hop costs as much as encrypting 16 KiB.
struct LocalObjectWriter::Job {
    const LocalObjectWriter& writer;
    ByteSpan data;
    SyncKind sync;
    std::uint64_t prewrite_to = 0;  // 0: not
    std::uint64_t file_bytes = 0;   // of the file, now and then afterwards
    bool begun = false;
    bool prewriting_failed = false;

    void operator()() {
        begun = true;
        const int file = writer.file_.get();
        try {
            write_fully(file, writer.state_.size(), data);
        } catch (const std::system_error& error) {
            throw Error(error.code(), "Cannot write to " + writer.state_.object());
        }
        const std::uint64_t end = writer.state_.size() + data.size();
        file_bytes = std::max(file_bytes, end);
        if (prewrite_to > file_bytes) prewrite(file);
        if (sync == SyncKind::none) return;
        if (sync == SyncKind::seal && file_bytes > end) cut(file, end);
        if (::fdatasync(file) != 0) throw Error(errno, "Cannot make " + writer.state_.object() + " durable");
        // Protects against accidents only, so that a file system without permissions does no harm.
        if (sync == SyncKind::seal) static_cast<void>(::fchmod(file, S_IRUSR));
    }

    // Only saves time: where there is no room for it, the object goes on without.
    void prewrite(int file) {
        try {
            write_zeros(file, file_bytes, prewrite_to);
            file_bytes = prewrite_to;
        } catch (const std::system_error&) {
            prewriting_failed = true;
            cut(file, file_bytes);
        }
    }

    void cut(int file, std::uint64_t end) {
        if (::ftruncate(file, static_cast<off_t>(end)) != 0)
            throw Error(errno, "Cannot cut what was written ahead in " + writer.state_.object());
        file_bytes = end;
    }
};

// How far the file is to be written now; 0: no further than its data.
std::uint64_t LocalObjectWriter::prewrite_target(std::size_t data_bytes, SyncKind sync) {
    const bool small = sync == SyncKind::data && data_bytes > 0 && data_bytes <= small_append_bytes;
    const bool repeated = std::exchange(small_sync_before_, small) && small;
    const std::uint64_t end = state_.size() + data_bytes;
    return prewrites_ && repeated && end > file_bytes_ ? end + prewritten_bytes : 0;
}

asio::awaitable<void> LocalObjectWriter::run(ByteSpan data, SyncKind sync) {
    Job job{*this, data, sync, prewrite_target(data.size(), sync), file_bytes_};
    const auto run_job = [&job] { job(); };
    std::exception_ptr error;
    try {
        co_await directory_->pool.run(run_job);
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        if (job.begun) state_.fail();  // else the coroutine was cancelled before, and nothing has happened
        std::rethrow_exception(error);
    }
    state_.appended(data.size());
    file_bytes_ = job.file_bytes;
    if (job.prewriting_failed) prewrites_ = false;
    if (sync == SyncKind::seal) state_.end();
}

asio::awaitable<void> LocalObjectWriter::append(ByteSpan data, Durability durability) {
    const WriterState::Operation operation = state_.begin_append();
    const SyncKind sync = durability == Durability::synced ? SyncKind::data : SyncKind::none;
    co_await run(data, sync);
}

asio::awaitable<void> LocalObjectWriter::sync() {
    const WriterState::Operation operation = state_.begin_sync();
    if (state_.ended()) co_return;
    const ByteSpan nothing;
    co_await run(nothing, SyncKind::data);
}

asio::awaitable<void> LocalObjectWriter::seal() {
    const WriterState::Operation operation = state_.begin_sync();
    if (state_.ended()) co_return;
    const ByteSpan nothing;
    co_await run(nothing, SyncKind::seal);
}

asio::awaitable<void> LocalObjectWriter::async_drop_impl() {
    const auto close = [this] {
        // After a failure the file is left as it is, for recovery to look at.
        const bool cut = !state_.failed() && file_bytes_ > state_.size() &&
                         ::ftruncate(file_.get(), static_cast<off_t>(state_.size())) != 0;
        const int cut_error = cut ? errno : 0;
        const int close_error = file_.close();
        return cut_error != 0 ? cut_error : close_error;
    };
    const int error = co_await directory_->pool.run(close);
    if (error != 0 && !state_.failed()) throw Error(error, "Closing " + state_.object() + " failed");
}

}  // namespace demofs::store
