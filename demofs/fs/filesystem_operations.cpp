// Operations that are values (model/operations.hpp): one attempt at each, and what follows from a change that succeeded.
//
// What an operation does to the tree is decided in namespace/ and content/; here it is decided whether it may
// begin, and who has to hear of it: fsync (which epoch to wait for) and the reclaimer.
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/filesystem_state.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

// What creating an inode or a name may cost in the store, roughly: nodes on the path.
constexpr std::uint64_t bytes_per_name = 4096;

}  // namespace

// --- the two ways in -----------------------------------------------------------------------------

std::optional<Result<Attributes>> Filesystem::try_run(const Lookup& operation) {
    return state_->try_run(operation);
}
std::optional<Result<Attributes>> Filesystem::try_run(const GetAttributes& operation) {
    return state_->try_run(operation);
}
std::optional<Result<std::string>> Filesystem::try_run(const ReadLink& operation) {
    return state_->try_run(operation);
}
std::optional<Result<std::vector<DirectoryEntry>>> Filesystem::try_run(const ReadDirectory& operation) {
    return state_->try_run(operation);
}
std::optional<Result<Attributes>> Filesystem::try_run(const Create& operation) {
    return state_->try_change(operation);
}
std::optional<Result<Attributes>> Filesystem::try_run(const Link& operation) {
    return state_->try_change(operation);
}
std::optional<Result<Nothing>> Filesystem::try_run(const Unlink& operation) {
    return state_->try_change(operation);
}
std::optional<Result<Nothing>> Filesystem::try_run(const Rename& operation) {
    return state_->try_change(operation);
}
std::optional<Result<Attributes>> Filesystem::try_run(const SetAttributes& operation) {
    if (operation.set_size && state_->content_locks.busy(operation.inode)) return std::nullopt;
    return state_->try_change(operation);
}

asio::awaitable<Result<Attributes>> Filesystem::run(Lookup operation) {
    return state_->run(std::move(operation));
}
asio::awaitable<Result<Attributes>> Filesystem::run(GetAttributes operation) {
    return state_->run(std::move(operation));
}
asio::awaitable<Result<std::string>> Filesystem::run(ReadLink operation) {
    return state_->run(std::move(operation));
}
asio::awaitable<Result<std::vector<DirectoryEntry>>> Filesystem::run(ReadDirectory operation) {
    return state_->run(std::move(operation));
}
asio::awaitable<Result<Attributes>> Filesystem::run(Create operation) {
    return state_->change(std::move(operation));
}
asio::awaitable<Result<Attributes>> Filesystem::run(Link operation) {
    return state_->change(std::move(operation));
}
asio::awaitable<Result<Nothing>> Filesystem::run(Unlink operation) {
    return state_->change(std::move(operation));
}
asio::awaitable<Result<Nothing>> Filesystem::run(Rename operation) {
    return state_->change(std::move(operation));
}
asio::awaitable<Result<Attributes>> Filesystem::run(SetAttributes operation) {
    if (operation.set_size) {
        const InodeNumber inode = operation.inode;
        return state_->change_in_turn(inode, std::move(operation));
    }
    return state_->change(std::move(operation));
}

// --- the gate ------------------------------------------------------------------------------------

// Storage that has failed is asked about before each change: the tree itself only notices with its next
// commit, and would accept names until then that can never be kept.
std::optional<std::errc> Filesystem::State::refuse_change(std::uint64_t new_bytes) {
    if (settings.read_only) return std::errc::read_only_file_system;
    if (storage_failed()) {
        report_failed_storage();
        return std::errc::read_only_file_system;
    }
    if (new_bytes == 0 || space_gate.admit(new_bytes)) return std::nullopt;
    report_full_disk();
    return std::errc::no_space_on_device;
}

// --- one attempt ---------------------------------------------------------------------------------

Result<Attributes> Filesystem::State::execute(const Create& operation) {
    if (const auto refused = refuse_change(bytes_per_name)) return *refused;
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
    if (const auto refused = refuse_change(bytes_per_name)) return *refused;
    Effects effects;
    Result<Attributes> reply = apply(where(), operation, effects);
    if (!reply) return reply;
    applied(effects);
    return execute(GetAttributes{operation.inode});  // with what is buffered; just changed, so in memory
}

Result<Nothing> Filesystem::State::execute(const Unlink& operation) {
    if (const auto refused = refuse_change()) return *refused;
    Effects effects;
    const Result<Nothing> reply = apply(where(), operation, effects);
    if (reply) applied(effects);
    return reply;
}

Result<Nothing> Filesystem::State::execute(const Rename& operation) {
    if (const auto refused = refuse_change()) return *refused;
    Effects effects;
    const Result<Nothing> reply = apply(where(), operation, effects);
    if (reply) applied(effects);
    return reply;
}

Result<Attributes> Filesystem::State::execute(const SetAttributes& operation) {
    if (const auto refused = refuse_change()) return *refused;
    Effects effects;
    Result<Attributes> reply = contents.set_attributes(operation, effects);
    if (reply) applied(effects);
    return reply;
}

// --- consequences --------------------------------------------------------------------------------

void Filesystem::State::applied(const Effects& effects) {
    for (const InodeNumber inode : effects.touched) change_epochs.note(inode, effects.epoch);
    change_epochs.settle_until(tree.durable_epoch());
    if (effects.unlinked) {
        unlinked.insert(*effects.unlinked);
        consider_reclaiming(*effects.unlinked);
    }
    if (effects.orphaned) reclaimer->add(raw(*effects.orphaned));
}

void Filesystem::State::consider_reclaiming(InodeNumber inode) {
    if (!unlinked.contains(inode) || in_use(inode)) return;
    unlinked.erase(inode);
    contents.discard(inode);
    if (reclaimer) reclaimer->add(raw(inode));
}

}  // namespace demofs::fs
