// `demofs salvage`: brings what can still be read of a damaged vault into a folder. Takes no lock and writes
// nothing to the vault.
#include "demofs/app/salvage_command.hpp"

#include <unistd.h>

#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/install.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "demofs/app/amount_text.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/history_id.hpp"
#include "demofs/app/known_version.hpp"
#include "demofs/app/output_folder.hpp"
#include "demofs/app/password.hpp"
#include "demofs/app/vault.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/fs/salvage/salvage.hpp"
#include "demofs/store/io/io_engine.hpp"
#include "demofs/store/local_object_store.hpp"

namespace demofs::app {

namespace asio = boost::asio;

namespace {

using Kind = fs::SalvagedRange::Kind;

// The drops' order: what was written is made durable first, then the vault is let go.
asio::awaitable<void> salvage_directory(asio::any_io_executor executor, std::string directory,
                                        std::string folder, const crypto::VaultKeys& keys,
                                        fs::SalvageSettings settings, fs::SalvageReport& report) {
    auto pool = WorkerPool::make(2);
    auto io = store::open_io_engine(executor, *pool, nullptr);
    asyncdrop::AsyncDropBox<store::LocalObjectStore> store;
    asyncdrop::AsyncDropBox<OutputFolder> output;
    std::exception_ptr failed;
    try {
        store::LocalStoreOptions options;
        options.access = store::LocalAccess::read_only_beside_writer;
        auto opening = store::LocalObjectStore::open(*io, *pool, directory, options);
        store = co_await std::move(opening);
        auto making = OutputFolder::open(*pool, folder);
        output = co_await std::move(making);
        auto salvaging = fs::salvage(*store, keys, *output, std::move(settings));
        report = co_await std::move(salvaging);
    } catch (...) {
        failed = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    std::exception_ptr not_durable;
    try {
        co_await asyncdrop::drop_in_order(output, store, io, pool);
    } catch (...) {
        not_durable = std::current_exception();
    }
    if (!failed) failed = not_durable;
    if (failed) std::rethrow_exception(failed);
}

// One line on a terminal, written over and over.
void show_progress(const fs::SalvageReport& done) {
    std::cerr << "\rread " << bytes_text(done.scanned_bytes) << " of " << bytes_text(done.stored_bytes)
              << ", " << done.blocks << " blocks";
    if (done.files + done.directories > 0)
        std::cerr << "; " << count_text(done.files, "file") << ", " << bytes_text(done.content_bytes);
    std::cerr << "\x1b[K" << std::flush;
}

std::string name_of(Kind kind) {
    switch (kind) {
        case Kind::missing:
            return "missing";
        case Kind::older:
            return "older";
        case Kind::by_header:
            break;
    }
    return "by header";
}

nlohmann::json json_of(const fs::SalvageReport& report) {
    nlohmann::json findings = nlohmann::json::array();
    for (const fs::SalvagedFile& file : report.findings) {
        nlohmann::json ranges = nlohmann::json::array();
        for (const fs::SalvagedRange& range : file.ranges)
            ranges.push_back({{"offset", range.offset},
                              {"bytes", range.bytes},
                              {"kind", name_of(range.kind)},
                              {"generation", raw(range.generation)}});
        findings.push_back({{"path", file.path},
                            {"what", file.what},
                            {"lost", file.is_lost},
                            {"ranges", std::move(ranges)}});
    }
    return {{"complete", report.is_complete()},
            {"empty", report.is_empty()},
            {"tree_is_whole", report.tree_is_whole},
            {"newest_commit", raw(report.newest)},
            {"notes", report.notes},
            {"findings", std::move(findings)},
            {"lost_folder", report.lost_folder},
            {"files", report.files},
            {"directories", report.directories},
            {"symlinks", report.symlinks},
            {"links", report.links},
            {"special_files", report.specials},
            {"lost_files", report.lost_files},
            {"content_bytes", report.content_bytes},
            {"missing_bytes", report.missing_bytes},
            {"older_bytes", report.older_bytes},
            {"by_header_bytes", report.by_header_bytes},
            {"stored_bytes", report.stored_bytes},
            {"blocks", report.blocks},
            {"segments", report.segments},
            {"unreadable_segments", report.unreadable_segments},
            {"damaged_bytes", report.damaged_bytes},
            {"lost_nodes", report.lost_nodes},
            {"unknown_blocks", report.unknown_blocks}};
}

std::string text_of(const fs::SalvagedRange& range) {
    const std::string bytes = count_text(range.bytes, "byte") + " at offset " + std::to_string(range.offset);
    const std::string commit = std::to_string(raw(range.generation));
    switch (range.kind) {
        case Kind::missing:
            return bytes + " are missing" + (raw(range.generation) == 0 ? "" : ", those of commit " + commit);
        case Kind::older:
            return bytes + " are older: of commit " + commit;
        case Kind::by_header:
            break;
    }
    return bytes + " (of commit " + commit + ") are known by their blocks' headers only";
}

void print(const fs::SalvageReport& report, const std::string& folder) {
    for (const std::string& note : report.notes) std::cout << note << '\n';
    for (const fs::SalvagedFile& file : report.findings) {
        if (!file.what.empty()) std::cout << file.path << ": " << file.what << '\n';
        for (const fs::SalvagedRange& range : file.ranges)
            std::cout << file.path << ": " << text_of(range) << '\n';
    }
    std::cout << "In " << folder << ": " << count_text(report.files, "file") << " with "
              << bytes_text(report.content_bytes) << ", " << report.directories << " directories, "
              << count_text(report.symlinks, "symbolic link") << ", "
              << count_text(report.links, "further name");
    if (report.specials > 0) std::cout << ", " << count_text(report.specials, "special file");
    std::cout << ".\n";
    if (report.is_complete()) {
        std::cout << "Everything was readable: this is commit " << raw(report.newest) << "." << std::endl;
        return;
    }
    if (report.is_empty()) return;
    std::cout << "Not everything was readable: " << count_text(report.lost_files, "file") << " lost, "
              << bytes_text(report.missing_bytes) << " missing, " << bytes_text(report.older_bytes)
              << " older, " << bytes_text(report.by_header_bytes) << " known by headers only." << std::endl;
}

}  // namespace

int run_salvage(const SalvageCommandSettings& settings) {
    const Notice notice = [](const std::string& sentence) {
        std::cerr << "demofs: " << sentence << std::endl;
    };
    fs::SalvageSettings salvage;
    if (settings.history) salvage.history = history_id(*settings.history);
    const bool shows_progress = !settings.json && ::isatty(STDERR_FILENO) == 1;
    if (shows_progress) salvage.on_progress = show_progress;
    const std::string directory = vault_directory(settings.vault);
    const crypto::VaultConfig config = read_config(directory, notice);
    require_usable_output(settings.output, directory);
    const std::unique_ptr<crypto::VaultKeys> keys =
        unlock(config, read_credential(settings.password, Prompt::once), notice);

    // Asked before the vault is read, so that a writer beside cannot make that look old.
    salvage.known = known_version(config.vault_id, notice);
    asio::io_context context(1);
    asyncdrop::install(context);
    fs::SalvageReport report;
    std::exception_ptr failed;
    asio::co_spawn(context,
                   salvage_directory(context.get_executor(), directory, settings.output, *keys,
                                     std::move(salvage), report),
                   [&failed](const std::exception_ptr& error) { failed = error; });
    context.run();
    if (shows_progress) std::cerr << "\r\x1b[K" << std::flush;
    if (failed) std::rethrow_exception(failed);
    if (settings.json) {
        std::cout << json_of(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                  << std::endl;
    } else {
        print(report, settings.output);
    }
    if (report.is_complete()) return exit_ok;
    if (report.is_empty()) throw Failure(exit_failure, "nothing in the vault " + directory + " can be read");
    return exit_vault_damaged;
}

}  // namespace demofs::app
