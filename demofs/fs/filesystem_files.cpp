// Files: open, read and write, and who may write now.
//
// A read is planned in one step and then waits only for blocks, which never change: it shows the file at one
// moment. A write that does not have to wait passes all that do not either; one that has to wait takes its
// turn, and while a turn is taken every write to that file does, so they happen in the order of their calls.
#include <asyncdrop/with_async_drop.hpp>
#include <optional>
#include <string>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/filesystem_state.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

// More than this not yet durable: a writer asks the tree whether it has to wait.
constexpr std::size_t unsynced_bytes_without_asking = 8u << 20;

ReadReply reply_of(ReadPlan plan) {
    ReadReply reply;
    reply.size_bytes = plan.size_bytes;
    reply.pieces.reserve(plan.pieces.size());
    for (ReadPlan::Piece& piece : plan.pieces) reply.pieces.push_back(std::move(piece.bytes));
    return reply;
}

}  // namespace

// --- open ----------------------------------------------------------------------------------------

Result<HandleId> Filesystem::State::open_once(InodeNumber inode) {
    const std::optional<InodeRecord> record = read_inode(tree, inode);
    if (!record) return std::errc::no_such_file_or_directory;
    if (record->is_directory()) return std::errc::is_a_directory;
    return open_files->open(inode);
}

std::optional<Result<HandleId>> Filesystem::try_open(InodeNumber inode) {
    State& state = *state_;
    return state.try_attempt([&state, inode] { return state.open_once(inode); });
}

asio::awaitable<Result<HandleId>> Filesystem::open(InodeNumber inode) {
    State& state = *state_;
    const auto once = [&state, inode] { return state.open_once(inode); };
    co_return co_await state.attempt(once);
}

void Filesystem::release(HandleId handle) {
    state_->open_files->release(handle);
    if (state_->open_files->has_closing()) state_->reclaimer->wake();
}

// --- read ----------------------------------------------------------------------------------------

std::optional<Result<ReadReply>> Filesystem::try_read(InodeNumber inode, std::uint64_t offset,
                                                      std::size_t size) {
    State& state = *state_;
    std::optional<Result<ReadPlan>> plan =
        state.try_attempt([&] { return state.contents.plan_read(inode, offset, size); });
    if (!plan) return std::nullopt;
    if (!*plan) return Result<ReadReply>(plan->error());
    if (!(*plan)->fill_from_memory(state.tree.blocks())) return std::nullopt;
    state.readahead->note(inode, offset, size);
    return Result<ReadReply>(reply_of(std::move(**plan)));
}

asio::awaitable<Result<ReadReply>> Filesystem::read(InodeNumber inode, std::uint64_t offset,
                                                    std::size_t size) {
    State& state = *state_;
    const auto once = [&state, inode, offset, size] { return state.contents.plan_read(inode, offset, size); };
    Result<ReadPlan> planned = co_await state.attempt(once);
    if (!planned) co_return planned.error();
    ReadPlan plan = std::move(*planned);
    state.readahead->note(inode, offset, size);
    if (!plan.fill_from_memory(state.tree.blocks())) {
        const std::optional<block::BlockPart> part = plan.only_missing_part();
        std::exception_ptr error;
        try {
            if (part) {
                auto reading = state.tree.blocks().read_part(*part, block::BlockKind::data);
                SharedBytes bytes = co_await std::move(reading);
                plan.fill_part(std::move(bytes));
            } else {
                const std::vector<block::BlockAddress> missing = plan.missing();
                const std::vector<SharedBytes> payloads =
                    co_await state.tree.blocks().read_many(missing, block::BlockKind::data);
                plan.fill(missing, payloads);
            }
        } catch (...) {
            error = std::current_exception();
        }
        if (error) co_return state.report(error, "Reading inode " + std::to_string(raw(inode)));
    }
    co_return reply_of(std::move(plan));
}

asio::awaitable<void> Filesystem::State::fetch(InodeNumber inode, std::uint64_t offset, std::size_t size) {
    try {
        for (;;) {
            std::optional<tree::NodeFault> fault;
            ReadPlan plan;
            try {
                Result<ReadPlan> planned = contents.plan_read(inode, offset, size);
                if (!planned) co_return;
                plan = std::move(*planned);
            } catch (const tree::NodeFault& missing) {
                fault.emplace(missing);
            }
            if (fault) {
                co_await tree.load(*fault);
                continue;
            }
            if (plan.fill_from_memory(tree.blocks())) co_return;
            std::vector<block::BlockAddress> missing = plan.missing();
            auto reading = tree.blocks().read_many(std::move(missing), block::BlockKind::data);
            co_await std::move(reading);
            co_return;
        }
    } catch (...) {
        // The read that needs these bytes will meet the error again and report it.
    }
}

// --- write ---------------------------------------------------------------------------------------

std::optional<Result<std::size_t>> Filesystem::try_write(InodeNumber inode, std::uint64_t offset,
                                                         ByteSpan data, std::optional<Timestamp> now) {
    State& state = *state_;
    if (state.content_locks.busy(inode) || !state.room_left()) return std::nullopt;
    return state.try_attempt([&] { return state.write_once(inode, offset, data, now); });
}

asio::awaitable<Result<std::size_t>> Filesystem::write(InodeNumber inode, std::uint64_t offset,
                                                       SharedBytes data, std::optional<Timestamp> now) {
    State& state = *state_;
    const ByteSpan bytes = data.span();  // `data` lives in this frame until the end
    const auto enter = [&state, inode] { return state.content_locks.enter(inode); };
    const auto work = [&state, inode, offset, bytes, now](ContentLocks::Turn&) {
        return state.write_in_turn(inode, offset, bytes, now);
    };
    std::exception_ptr error;
    try {
        co_return co_await asyncdrop::with_async_drop(enter, work);
    } catch (...) {
        error = std::current_exception();
    }
    co_return state.report(error);
}

Result<std::size_t> Filesystem::State::write_once(InodeNumber inode, std::uint64_t offset, ByteSpan data,
                                                  const std::optional<Timestamp>& now) {
    if (const auto refused = refuse_change(data.size())) {
        // The kernel writes back what programs wrote long ago: fsync and close tell them this error.
        return storage_failed() ? storage_error() : *refused;
    }
    Effects effects;
    Result<std::size_t> reply = contents.write(inode, offset, data, now, effects);
    if (reply) applied(effects);
    return reply;
}

asio::awaitable<Result<std::size_t>> Filesystem::State::write_in_turn(InodeNumber inode, std::uint64_t offset,
                                                                      ByteSpan data,
                                                                      std::optional<Timestamp> now) {
    const Result<Nothing> room = co_await make_room(inode);
    if (!room) co_return room.error();
    const auto once = [this, inode, offset, data, now] { return write_once(inode, offset, data, now); };
    co_return co_await attempt(once);
}

bool Filesystem::State::room_left() const {
    return contents.dirty().memory_bytes() <= settings.dirty_data_bytes &&
           tree.blocks().unsynced_bytes() <= unsynced_bytes_without_asking;
}

// Oldest first. A file that cannot be flushed keeps what is buffered of it and goes to the end, so that somebody
// else is told only if no file can be flushed.
asio::awaitable<Result<Nothing>> Filesystem::State::make_room(InodeNumber writer) {
    std::size_t failures_left = contents.dirty().size();
    while (contents.dirty().memory_bytes() > settings.dirty_data_bytes) {
        const std::optional<InodeNumber> oldest = contents.dirty().oldest();
        if (!oldest) break;
        const InodeNumber inode = *oldest;
        const Result<Nothing> flushed = co_await flush_file(inode);
        if (flushed) continue;
        if (inode == writer || failures_left <= 1 || storage_failed()) co_return flushed;
        --failures_left;
        contents.postpone(inode);
    }
    co_return co_await throttle();
}

asio::awaitable<Result<Nothing>> Filesystem::State::throttle() {
    std::exception_ptr error;
    try {
        co_await tree.throttle();
    } catch (...) {
        error = std::current_exception();
    }
    if (error) co_return report(error);
    co_return Nothing{};
}

}  // namespace demofs::fs
