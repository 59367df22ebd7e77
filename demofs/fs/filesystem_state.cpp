#include "demofs/fs/filesystem_state.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "demofs/base/error.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

// What creating an inode or a name may cost in the store, roughly: nodes on the path.
constexpr std::uint64_t bytes_per_name = 4096;
// More than this not yet durable: a writer asks the tree whether it has to wait.
constexpr std::size_t unsynced_bytes_without_asking = 8u << 20;
constexpr std::size_t problems_remembered = 1000;
constexpr std::size_t files_flushed_without_yielding = 64;
// The tree takes values up to this size.
constexpr std::uint32_t max_inline_bytes = 4096;

ContentSettings content_settings_of(const FilesystemSettings& settings) {
    ContentSettings content;
    content.chunk_bytes = std::clamp(settings.data_block_bytes, 1u, block::max_block_payload_bytes);
    content.inline_bytes = std::min(settings.inline_bytes, max_inline_bytes);
    return content;
}

}  // namespace

Filesystem::State::State(FilesystemSettings with, tree::Tree& over, store::ObjectStore& in,
                         NameHash name_hash, asio::any_io_executor on)
    : settings(std::move(with)),
      tree(over),
      store(in),
      executor(std::move(on)),
      names(std::move(name_hash), settings.name_hash_bits),
      numbers(tree),
      contents(content_settings_of(settings), tree, numbers),
      adjust([this](InodeNumber inode, InodeRecord& record) { contents.adjust(inode, record); }),
      space_gate(settings.reserve_bytes),
      open_files(OpenFileTable::make([this](InodeNumber inode) { consider_reclaiming(inode); })),
      reclaimer(Reclaimer::make(
          executor, tree, *open_files, [this](InodeNumber inode) { return in_use(inode); },
          [this](const std::exception_ptr& error) { failed(error); })),
      flusher(Flusher::make(executor, settings.commit_interval, [this] { return write_back(); })),
      readahead(Readahead::make(executor, settings.readahead_bytes,
                                [this](InodeNumber inode, std::uint64_t offset, std::size_t size) {
                                    return fetch(inode, offset, size);
                                })) {
    tree.set_before_freeze([this] { flush_for_commit(); });
}

asio::awaitable<void> Filesystem::State::overcome(Obstacle obstacle) {
    if (const auto* fault = std::get_if<tree::NodeFault>(&obstacle)) {
        const tree::NodeFault missing = *fault;
        co_await tree.load(missing);
        co_return;
    }
    const MustWait reason = std::get<MustWait>(obstacle);
    switch (reason.reason) {
        case MustWait::Reason::numbers:
            co_await tree.commit();
            break;
        case MustWait::Reason::trim:
            co_await reclaim_data(tree, reason.number);
            break;
        case MustWait::Reason::space: {
            const store::StoreSpace space = co_await store.space();
            space_gate.update(space, unwritten_bytes());
            break;
        }
    }
}

std::errc Filesystem::State::failed(const std::exception_ptr& error, const std::string& doing) {
    if (errno_of(error) != std::errc::interrupted) {
        const std::string text = doing.empty() ? describe(error) : doing + " failed: " + describe(error);
        if (reported.size() < problems_remembered && reported.insert(text).second && settings.on_problem)
            settings.on_problem(text);
    }
    return errno_of(error);
}

std::uint64_t Filesystem::State::unwritten_bytes() const {
    return tree.blocks().unsynced_bytes() + tree.dirty_bytes() + contents.dirty().memory_bytes();
}

bool Filesystem::State::storage_failed() const {
    return tree.read_only() || !tree.blocks().failure().empty();
}

std::errc Filesystem::State::storage_error() const {
    return tree.failure_code() == Errc::disk_full ? std::errc::no_space_on_device : std::errc::io_error;
}

void Filesystem::State::applied(const Effects& effects) {
    for (const InodeNumber inode : effects.touched) changes.note(inode, effects.epoch);
    changes.forget_until(tree.durable_epoch());
    if (effects.unlinked) {
        unlinked.insert(*effects.unlinked);
        consider_reclaiming(*effects.unlinked);
    }
}

void Filesystem::State::consider_reclaiming(InodeNumber inode) {
    if (!unlinked.contains(inode) || in_use(inode)) return;
    unlinked.erase(inode);
    contents.discard(inode);
    if (reclaimer) reclaimer->add(raw(inode));
}

Result<Attributes> Filesystem::State::execute(const Create& operation) {
    if (settings.read_only) return std::errc::read_only_file_system;
    if (!space_gate.admit(bytes_per_name)) return std::errc::no_space_on_device;
    Numbers::Lease number(numbers);
    Effects effects;
    Result<Attributes> reply = apply(where(), operation, InodeNumber{number.number()}, effects);
    if (reply) {
        number.keep();
        applied(effects);
    }
    return reply;
}

Result<Attributes> Filesystem::State::execute(const Link& operation) {
    if (settings.read_only) return std::errc::read_only_file_system;
    if (!space_gate.admit(bytes_per_name)) return std::errc::no_space_on_device;
    Effects effects;
    Result<Attributes> reply = apply(where(), operation, effects);
    if (!reply) return reply;
    applied(effects);
    return execute(GetAttributes{operation.inode});  // with what is buffered; just changed, so in memory
}

Result<Nothing> Filesystem::State::execute(const Remove& operation) {
    if (settings.read_only) return std::errc::read_only_file_system;
    Effects effects;
    const Result<Nothing> reply = apply(where(), operation, effects);
    if (reply) applied(effects);
    return reply;
}

Result<Nothing> Filesystem::State::execute(const Rename& operation) {
    if (settings.read_only) return std::errc::read_only_file_system;
    Effects effects;
    const Result<Nothing> reply = apply(where(), operation, effects);
    if (reply) applied(effects);
    return reply;
}

Result<Attributes> Filesystem::State::execute(const SetAttributes& operation) {
    if (settings.read_only) return std::errc::read_only_file_system;
    Effects effects;
    std::optional<std::uint64_t> orphan;
    Result<Attributes> reply = contents.set_attributes(operation, effects, orphan);
    if (reply) {
        applied(effects);
        if (orphan) reclaimer->add(*orphan);
    }
    return reply;
}

Result<std::size_t> Filesystem::State::write_once(InodeNumber inode, std::uint64_t offset, ByteSpan data,
                                                  const std::optional<Timestamp>& now) {
    if (settings.read_only) return std::errc::read_only_file_system;
    if (storage_failed()) {
        report_failed_storage();
        return std::errc::read_only_file_system;
    }
    if (!space_gate.admit(data.size())) {
        tell_of_full_disk();
        return std::errc::no_space_on_device;
    }
    Effects effects;
    Result<std::size_t> reply = contents.write(inode, offset, data, now, effects);
    if (reply) applied(effects);
    return reply;
}

Result<bool> Filesystem::State::flush_once(InodeNumber inode) {
    Effects effects;
    const bool clean = contents.flush(inode, effects);
    applied(effects);
    return clean;
}

bool Filesystem::State::room_left() const {
    return contents.dirty().memory_bytes() <= settings.dirty_data_bytes &&
           tree.blocks().unsynced_bytes() <= unsynced_bytes_without_asking;
}

asio::awaitable<Result<Nothing>> Filesystem::State::make_room() {
    while (contents.dirty().memory_bytes() > settings.dirty_data_bytes) {
        const std::optional<InodeNumber> oldest = contents.dirty().oldest();
        if (!oldest) break;
        const Result<Nothing> flushed = co_await flush_file(*oldest);
        if (!flushed) co_return flushed;
    }
    std::exception_ptr error;
    try {
        co_await tree.throttle();
    } catch (...) {
        error = std::current_exception();
    }
    if (error) co_return failed(error);
    co_return Nothing{};
}

asio::awaitable<Result<std::size_t>> Filesystem::State::write_in_turn(InodeNumber inode, std::uint64_t offset,
                                                                      ByteSpan data,
                                                                      std::optional<Timestamp> now) {
    const Result<Nothing> room = co_await make_room();
    if (!room) co_return room.error();
    const auto once = [this, inode, offset, data, now] { return write_once(inode, offset, data, now); };
    co_return co_await attempt(once);
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

void Filesystem::State::flush_for_commit() {
    for (const InodeNumber inode : contents.dirty().all()) {
        try {
            while (!flush_once(inode).value()) {
            }
        } catch (const tree::NodeFault&) {
            throw;
        } catch (const MustWait&) {
            // It would have to wait for this very commit; the next one takes it along.
        } catch (...) {
            failed(std::current_exception());  // the others must not suffer
        }
    }
}

void Filesystem::State::tell_of_full_disk() {
    failed(std::make_exception_ptr(Error::saying(
        std::errc::no_space_on_device,
        "There is no space left in the " + store.name() + ": programs cannot write until there is some.")));
}

void Filesystem::State::report_failed_storage() {
    const std::string& cause = tree.failure().empty() ? tree.blocks().failure() : tree.failure();
    failed(std::make_exception_ptr(
        Error(tree.failure_code(),
              "Nothing is written to the vault any more, unmount and mount it again: " + cause)));
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
    if (error) failed(error);
    changes.forget_until(tree.durable_epoch());
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

asio::awaitable<Result<Nothing>> Filesystem::State::make_durable(Epoch epoch) {
    std::exception_ptr error;
    try {
        co_await tree.make_durable(epoch);
    } catch (...) {
        error = std::current_exception();
    }
    changes.forget_until(tree.durable_epoch());
    if (!error) co_return Nothing{};
    const std::errc code = failed(error);
    const bool exact = code == std::errc::interrupted || code == std::errc::no_space_on_device;
    co_return exact ? code : std::errc::io_error;
}

}  // namespace demofs::fs
