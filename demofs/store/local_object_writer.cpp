#include "demofs/store/local_object_writer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "demofs/base/error.hpp"

namespace demofs::store {

LocalObjectWriter::LocalObjectWriter(asyncdrop::Passkey<LocalObjectWriter>,
                                     std::shared_ptr<LocalDirectory> directory, const std::string& name,
                                     FileDescriptor file)
    : directory_(std::move(directory)),
      name_(name),
      file_(std::move(file)),
      state_(directory_->path_of(name)) {}

LocalObjectWriter::~LocalObjectWriter() {
    directory_->being_written.erase(name_);
}

/// What runs on a worker: the write and the sync in one go, since a hop costs as much as encrypting 16 KiB.
struct LocalObjectWriter::Job {
    const LocalObjectWriter& writer;
    ByteSpan data;
    SyncKind sync;
    bool begun = false;

    void operator()() {
        begun = true;
        const int file = writer.file_.get();
        try {
            write_fully(file, writer.state_.size(), data);
        } catch (const std::system_error& error) {
            throw Error(error.code(), "Cannot write to " + writer.state_.object());
        }
        if (sync == SyncKind::none) return;
        if (::fdatasync(file) != 0) throw Error(errno, "Cannot make " + writer.state_.object() + " durable");
        // Protects against accidents only, so that a file system without permissions does no harm.
        if (sync == SyncKind::seal) static_cast<void>(::fchmod(file, S_IRUSR));
    }
};

asio::awaitable<void> LocalObjectWriter::run(ByteSpan data, SyncKind sync) {
    Job job{*this, data, sync};
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
    const auto close = [this] { return file_.close(); };
    const int error = co_await directory_->pool.run(close);
    if (error != 0 && !state_.failed()) throw Error(error, "Closing " + state_.object() + " failed");
}

}  // namespace demofs::store
