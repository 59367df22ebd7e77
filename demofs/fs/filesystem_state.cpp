// State: making the parts, what an attempt may have to wait for, and telling problems.
//
// An operation that finds something missing throws before it has changed anything; overcome() gets what is
// missing, and the operation starts from its beginning. Nothing waits inside an operation.
#include "demofs/fs/filesystem_state.hpp"

#include <algorithm>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/tree/node.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

constexpr std::size_t problems_remembered = 1000;

ContentSettings content_settings_of(const FilesystemSettings& settings) {
    ContentSettings content;
    content.chunk_bytes = std::clamp(settings.data_block_bytes, 1u, block::max_block_payload_bytes);
    content.inline_bytes = std::min(settings.inline_bytes, std::uint32_t{tree::max_value_bytes});
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
          [this](const std::exception_ptr& error) { report(error); })),
      flusher(Flusher::make(executor, settings.commit_interval, [this] { return write_back(); })),
      readahead(Readahead::make(executor, settings.readahead_bytes,
                                [this](InodeNumber inode, std::uint64_t offset, std::size_t size) {
                                    return fetch(inode, offset, size);
                                })) {
    tree.set_before_commit([this] { return flush_before_commit(); });
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
        case MustWait::Reason::numbers: {
            std::exception_ptr error;
            try {
                co_await tree.commit();
            } catch (...) {
                error = std::current_exception();
            }
            // Whoever is there when storage fails is told how it failed, and not that it has failed already.
            if (error) throw Error(durability_error(errno_of(error)), describe(error));
            break;
        }
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

std::errc Filesystem::State::report(const std::exception_ptr& error, const std::string& doing) {
    if (errno_of(error) != std::errc::interrupted) {
        const std::string text = doing.empty() ? describe(error) : doing + " failed: " + describe(error);
        if (reported.size() < problems_remembered && reported.insert(text).second && settings.on_problem)
            settings.on_problem(text);
    }
    return errno_of(error);
}

}  // namespace demofs::fs
