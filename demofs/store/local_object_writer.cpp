// Appending to a file in whole pages, making it durable, and cutting it to its object at the end.
#include "demofs/store/local_object_writer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <exception>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/store/io/paged_range.hpp"

namespace demofs::store {

LocalObjectWriter::LocalObjectWriter(asyncdrop::Passkey<LocalObjectWriter>,
                                     std::shared_ptr<LocalDirectory> directory, const std::string& name,
                                     DataFile file)
    : directory_(std::move(directory)),
      name_(name),
      file_(std::move(file)),
      state_(directory_->path_of(name)),
      ahead_(directory_->io, directory_->executor, file_) {
    directory_->being_written.emplace(name_, &state_);
}

LocalObjectWriter::~LocalObjectWriter() {
    directory_->being_written.erase(name_);
}

// What a writer has begun it brings to its end, although several operations may be needed and the caller may
// be cancelled between them. Any error makes the writer failed.
asio::awaitable<void> LocalObjectWriter::to_its_end(asio::awaitable<void> work) {
    const bool before = co_await asio::this_coro::throw_if_cancelled();
    co_await asyncdrop::even_if_cancelled;
    std::exception_ptr error;
    try {
        co_await std::move(work);
    } catch (...) {
        error = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(before);
    if (!error) co_return;
    state_.fail();
    std::rethrow_exception(error);
}

asio::awaitable<void> LocalObjectWriter::run(IoOperation& operation, const char* failure) {
    try {
        co_await run_fully(directory_->io, operation);
    } catch (const std::system_error& error) {
        throw Error(error.code(), failure + state_.object());
    }
}

asio::awaitable<void> LocalObjectWriter::sync_file() {
    IoOperation sync(IoOperation::Kind::sync, file_.get());
    try {
        co_await run_fully(directory_->io, sync);
    } catch (const std::system_error& error) {
        throw Error(error.code(), "Cannot make " + state_.object() + " durable");
    }
    unsynced_ = false;
}

// What is synced into a file without a name is lost all the same.
asio::awaitable<void> LocalObjectWriter::sync_and_check() {
    co_await sync_file();
    co_await directory_->check_folder(file_.get());
}

asio::awaitable<void> LocalObjectWriter::write_pages(ByteSpan data, bool synced) {
    const auto kind = synced ? IoOperation::Kind::write_durably : IoOperation::Kind::write;
    const MutableByteSpan memory(const_cast<std::byte*>(data.data()), data.size());  // is only read
    if (!file_.direct()) {
        iovec piece{memory.data(), memory.size()};
        IoOperation operation(kind, file_.get(), state_.size(), std::span(&piece, 1));
        co_await run(operation, "Cannot write to ");
        ahead_.written(state_.size() + data.size());
        co_return;
    }
    PagedRange range(directory_->pages, state_.size(), memory);
    range.prepare_write(ByteSpan(last_page_).first(state_.size() % page_bytes));
    IoOperation operation(kind, file_.get(), range.begin(), range.pieces());
    co_await run(operation, "Cannot write to ");
    ahead_.written(range.end());
    std::ranges::copy(range.last_partial_page(), last_page_.begin());
}

asio::awaitable<void> LocalObjectWriter::write(ByteSpan data, Durability durability) {
    const bool synced = durability == Durability::synced;
    if (!data.empty()) {
        co_await ahead_.make_way(page_ceiling(state_.size() + data.size()));
        // A durable write says nothing of bytes that were written before.
        const bool together = synced && !unsynced_;
        unsynced_ = unsynced_ || !synced;
        co_await write_pages(data, together);
    }
    if (synced && (unsynced_ || data.empty())) co_await sync_file();
    if (synced) co_await directory_->check_folder(file_.get());
    state_.appended(data.size());
    ahead_.appended(data.size(), state_.size(), synced);
}

asio::awaitable<void> LocalObjectWriter::append(ByteSpan data, Durability durability) {
    const WriterState::Operation operation = state_.begin_append();
    const OperationWatch::Entry watched(directory_->operations, OperationKind::append, name_);
    auto writing = write(data, durability);
    co_await to_its_end(std::move(writing));
}

asio::awaitable<void> LocalObjectWriter::sync() {
    const WriterState::Operation operation = state_.begin_sync();
    if (state_.ended()) co_return;
    const OperationWatch::Entry watched(directory_->operations, OperationKind::sync, name_);
    auto syncing = sync_and_check();
    co_await to_its_end(std::move(syncing));
}

asio::awaitable<void> LocalObjectWriter::seal() {
    const WriterState::Operation operation = state_.begin_sync();
    if (state_.ended()) co_return;
    const OperationWatch::Entry watched(directory_->operations, OperationKind::seal, name_);
    auto finishing = finish();
    co_await to_its_end(std::move(finishing));
    state_.end();
}

asio::awaitable<void> LocalObjectWriter::finish() {
    co_await ahead_.stop();
    co_await ahead_.make_way(0);  // tells a failure
    const auto job = [this] {
        const int file = file_.get();
        const std::uint64_t end = state_.size();
        if (ahead_.file_bytes() > end && ::ftruncate(file, static_cast<off_t>(end)) != 0)
            throw Error(errno, "Cannot cut what was written ahead in " + state_.object());
        if (::fdatasync(file) != 0) throw Error(errno, "Cannot make " + state_.object() + " durable");
        // Protects against accidents only, so that a file system without permissions does no harm.
        static_cast<void>(::fchmod(file, S_IRUSR));
    };
    co_await directory_->pool.run(job);
    co_await directory_->check_folder(file_.get());
    ahead_.cut(state_.size());
}

asio::awaitable<void> LocalObjectWriter::async_drop_impl() {
    const OperationWatch::Entry watched(directory_->operations, OperationKind::close_writer, name_);
    co_await ahead_.stop();
    const auto close = [this] {
        // After a failure the file is left as it is, for recovery to look at.
        const bool cut = !state_.failed() && ahead_.file_bytes() > state_.size() &&
                         ::ftruncate(file_.get(), static_cast<off_t>(state_.size())) != 0;
        const int cut_error = cut ? errno : 0;
        const int close_error = file_.close();
        return cut_error != 0 ? cut_error : close_error;
    };
    const int error = co_await directory_->pool.run(close);
    if (error != 0 && !state_.failed()) throw Error(error, "Closing " + state_.object() + " failed");
}

}  // namespace demofs::store
