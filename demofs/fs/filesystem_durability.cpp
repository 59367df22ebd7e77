// Durability: from the buffers through the tree to the store, and what is said once that has failed.
//
// Three steps, each done by more than one caller. A *flush* moves buffered bytes into the tree: a file's for
// its fsync, every file's before a commit. A *commit* makes the tree of one moment durable: fsync, the
// flusher, and the tree itself when it has to make room. *Failed* storage stays failed until the next mount:
// the tree is read-only, and everyone who asks for durability is told.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "demofs/base/error.hpp"
#include "demofs/fs/filesystem_state.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

constexpr std::size_t files_flushed_without_yielding = 64;
constexpr std::chrono::milliseconds longest_run{1};  // other work waits no longer for files to be flushed
constexpr int passes_before_commit = 4;

}  // namespace

// --- asked for -----------------------------------------------------------------------------------

asio::awaitable<Result<Nothing>> Filesystem::sync(InodeNumber inode) {
    State& state = *state_;
    if (state.storage_failed()) {
        state.report_failed_storage();
        co_return state.storage_error();
    }
    const Result<Nothing> flushed = co_await state.flush_file(inode);
    if (!flushed) co_return state.durability_error(flushed.error());
    const Epoch* last_change = state.change_epochs.find(inode);
    if (last_change == nullptr) co_return Nothing{};
    const Epoch epoch = *last_change;
    co_return co_await state.make_durable(epoch);
}

asio::awaitable<Result<Nothing>> Filesystem::sync_all() {
    State& state = *state_;
    if (state.storage_failed()) {
        state.report_failed_storage();
        co_return state.storage_error();
    }
    const Result<Nothing> flushed = co_await state.flush_all();
    if (!flushed) co_return state.durability_error(flushed.error());
    if (!state.tree.dirty() && state.tree.durable_epoch() >= state.tree.epoch()) co_return Nothing{};
    const Epoch epoch = state.tree.epoch();
    co_return co_await state.make_durable(epoch);
}

Result<Nothing> Filesystem::close_result(InodeNumber inode) const {
    const State& state = *state_;
    if (!state.storage_failed()) return Nothing{};
    const bool lost =
        state.contents.dirty().find(inode) != nullptr || state.change_epochs.find(inode) != nullptr;
    if (lost) return state.storage_error();
    return Nothing{};
}

asio::awaitable<Result<FilesystemSpace>> Filesystem::space() {
    State& state = *state_;
    std::exception_ptr error;
    FilesystemSpace reply;
    try {
        const store::StoreSpace space = co_await state.store.space();
        const std::uint64_t taken =
            state.space_gate.reserve_bytes_of(space.total_bytes) + state.unwritten_bytes();
        reply.total_bytes = space.total_bytes;
        reply.free_bytes = space.free_bytes - std::min(space.free_bytes, taken);
        reply.inodes = state.tree.counters().inodes;
    } catch (...) {
        error = std::current_exception();
    }
    if (error) co_return state.report(error);
    co_return reply;
}

asio::awaitable<Result<Nothing>> Filesystem::State::make_durable(Epoch epoch) {
    std::exception_ptr error;
    try {
        co_await tree.make_durable(epoch);
    } catch (...) {
        error = std::current_exception();
    }
    change_epochs.settle_until(tree.durable_epoch());
    if (!error) co_return Nothing{};
    const std::errc code = report(error);
    co_return durability_error(code);
}

// --- flush ---------------------------------------------------------------------------------------

Result<bool> Filesystem::State::flush_once(InodeNumber inode) {
    Effects effects;
    const bool clean = contents.flush(inode, effects);
    applied(effects);
    return clean;
}

asio::awaitable<Result<Nothing>> Filesystem::State::flush_file(InodeNumber inode) {
    const auto once = [this, inode] { return flush_once(inode); };
    for (;;) {
        const Result<bool> clean = co_await attempt(once);
        if (!clean) co_return clean.error();
        if (*clean) co_return Nothing{};
    }
}

asio::awaitable<Result<Nothing>> Filesystem::State::flush_all() {
    Result<Nothing> first = Nothing{};
    std::size_t count = 0;
    for (const InodeNumber inode : contents.dirty().all()) {
        const Result<Nothing> flushed = co_await flush_file(inode);
        if (!flushed && first) first = flushed;
        if (++count % files_flushed_without_yielding == 0) co_await asio::post(executor, asio::use_awaitable);
    }
    co_return first;
}

// Throws NodeFault only: the others must not suffer for what is wrong with one file.
bool Filesystem::State::flush_some(InodeNumber inode) {
    try {
        return !flush_once(inode).value();
    } catch (const tree::NodeFault&) {
        throw;
    } catch (const MustWait&) {
        // It would have to wait for this very commit; the next one takes it along.
    } catch (...) {
        report_unwritten(inode, std::current_exception());
    }
    return false;
}

void Filesystem::State::flush_for_commit() {
    for (const InodeNumber inode : contents.dirty().all()) {
        while (flush_some(inode)) {
        }
    }
}

// Many small files take longer than others may wait. Each pass leaves those that became dirty meanwhile, which
// are fewer each time; what the last pass leaves is flushed at one go.
asio::awaitable<void> Filesystem::State::flush_before_commit() {
    for (int pass = 0; pass < passes_before_commit; ++pass) {
        if (contents.dirty().size() <= files_flushed_without_yielding) co_return;
        co_await flush_in_slices();
    }
}

asio::awaitable<void> Filesystem::State::flush_in_slices() {
    auto started = std::chrono::steady_clock::now();
    for (const InodeNumber inode : contents.dirty().all()) {
        bool more = true;
        while (more) {
            std::optional<tree::NodeFault> fault;
            try {
                more = flush_some(inode);
            } catch (const tree::NodeFault& missing) {
                fault.emplace(missing);
            }
            std::exception_ptr error;
            try {
                if (fault) co_await tree.load(*fault);
            } catch (...) {
                error = std::current_exception();
            }
            if (error) {
                report_unwritten(inode, error);
                more = false;
            }
            if (std::chrono::steady_clock::now() - started < longest_run) continue;
            co_await asio::post(executor, asio::use_awaitable);
            started = std::chrono::steady_clock::now();
        }
    }
}

void Filesystem::State::report_unwritten(InodeNumber inode, const std::exception_ptr& error) {
    report(error, "Writing what is buffered of inode " + std::to_string(raw(inode)));
}

asio::awaitable<void> Filesystem::State::write_back() {
    if (storage_failed()) {
        report_failed_storage();
        co_return;
    }
    std::exception_ptr error;
    try {
        co_await flush_all();
        co_await tree.commit();
        const store::StoreSpace space = co_await store.space();
        space_gate.update(space, unwritten_bytes());
    } catch (...) {
        error = std::current_exception();
    }
    if (error) report(error);
    change_epochs.settle_until(tree.durable_epoch());
}

// --- failed storage ------------------------------------------------------------------------------

std::uint64_t Filesystem::State::unwritten_bytes() const {
    return tree.blocks().unsynced_bytes() + tree.dirty_bytes() + contents.dirty().memory_bytes();
}

bool Filesystem::State::storage_failed() const {
    return tree.read_only() || !tree.blocks().failure().empty();
}

Errc Filesystem::State::storage_failure() const {
    return tree.failure().empty() ? tree.blocks().failure_code() : tree.failure_code();
}

std::errc Filesystem::State::storage_error() const {
    return storage_failure() == Errc::disk_full ? std::errc::no_space_on_device : std::errc::io_error;
}

std::errc Filesystem::State::durability_error(std::errc code) const {
    if (code == std::errc::interrupted) return code;
    if (storage_failed()) return storage_error();
    return code == std::errc::no_space_on_device ? code : std::errc::io_error;
}

void Filesystem::State::report_failed_storage() {
    const std::string& cause = tree.failure().empty() ? tree.blocks().failure() : tree.failure();
    report(std::make_exception_ptr(
        Error(storage_failure(),
              "Nothing is written to the vault any more, unmount and mount it again: " + cause)));
}

void Filesystem::State::report_full_disk() {
    report(std::make_exception_ptr(Error::saying(
        std::errc::no_space_on_device,
        "There is no space left in the " + store.name() + ": programs cannot write until there is some.")));
}

}  // namespace demofs::fs
