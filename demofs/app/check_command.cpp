// `demofs check`: reads a vault and says what is wrong with it. Takes no lock, so it also runs beside a mount.
#include <unistd.h>

#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/install.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "demofs/app/amount_text.hpp"
#include "demofs/app/commands.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/json_failure.hpp"
#include "demofs/app/known_version.hpp"
#include "demofs/app/password.hpp"
#include "demofs/app/user_messages.hpp"
#include "demofs/app/vault.hpp"
#include "demofs/app/verdict.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/fs/check/vault_check.hpp"
#include "demofs/store/io/io_engine.hpp"
#include "demofs/store/local_object_store.hpp"
#include "demofs/tree/recovery.hpp"

namespace demofs::app {

namespace asio = boost::asio;

namespace {

struct Outcome {
    std::vector<std::string> notes;  // of recovery
    tree::Verdict verdict = tree::Verdict::clean;
    bool damaged_blocks = false;  // so did recovery say
    fs::CheckReport report;
};

asio::awaitable<void> check_store(store::ObjectStore& store, std::string directory,
                                  const crypto::VaultKeys& keys, std::optional<tree::ReplicaVersion> known,
                                  fs::CheckSettings settings, Outcome& outcome) {
    block::SegmentCatalog catalog(store, keys);
    co_await catalog.refresh();
    block::LogReader log(store, catalog);
    tree::RecoverySettings recovery;
    recovery.known = known;
    auto recovering = tree::recover(log, recovery);
    const tree::Recovered recovered = co_await std::move(recovering);
    constexpr bool to_write = false;
    require_usable(recovered, to_write, directory);
    outcome.notes = recovered.notes;
    if (!recovered.why.empty()) outcome.notes.insert(outcome.notes.begin(), recovered.why);
    outcome.verdict = recovered.verdict;
    outcome.damaged_blocks = recovered.damaged_blocks;
    auto checking = fs::check_vault(log, *recovered.record, std::move(settings));
    outcome.report = co_await std::move(checking);
}

asio::awaitable<void> check_directory(asio::any_io_executor executor, std::string directory,
                                      const crypto::VaultKeys& keys,
                                      std::optional<tree::ReplicaVersion> known, fs::CheckSettings settings,
                                      Outcome& outcome) {
    auto pool = WorkerPool::make(2);
    auto io = store::open_io_engine(executor, *pool, nullptr);
    asyncdrop::AsyncDropBox<store::LocalObjectStore> store;
    std::exception_ptr failed;
    try {
        store::LocalStoreOptions options;
        options.access = store::LocalAccess::read_only_beside_writer;
        auto opening = store::LocalObjectStore::open(*io, *pool, directory, options);
        store = co_await std::move(opening);
        auto checking = check_store(*store, directory, keys, known, std::move(settings), outcome);
        co_await std::move(checking);
    } catch (...) {
        failed = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    co_await asyncdrop::drop_in_order(store, io, pool);
    if (failed) std::rethrow_exception(failed);
}

bool is_damaged(const Outcome& outcome) {
    return outcome.verdict == tree::Verdict::damaged || outcome.damaged_blocks ||
           !outcome.report.findings.empty();
}

// One line on a terminal, written over and over.
void show_progress(const fs::CheckReport& done) {
    std::cerr << "\rchecked " << done.nodes << " nodes, " << done.entries << " entries";
    if (done.content_bytes > 0)
        std::cerr << "; read " << bytes_text(done.content_bytes_read) << " of "
                  << bytes_text(done.content_bytes);
    std::cerr << "\x1b[K" << std::flush;
}

nlohmann::json json_of(const Outcome& outcome, const CheckVaultSettings& settings) {
    const fs::CheckReport& report = outcome.report;
    nlohmann::json findings = nlohmann::json::array();
    for (const fs::Finding& finding : report.findings) {
        nlohmann::json entry{{"what", finding.what}};
        if (!finding.path.empty()) entry["path"] = finding.path;
        findings.push_back(std::move(entry));
    }
    return {{"notes", outcome.notes},
            {"verdict", name_of(outcome.verdict)},
            {"damaged", is_damaged(outcome)},
            {"fork", outcome.verdict == tree::Verdict::fork},
            {"findings", std::move(findings)},
            {"read_data", settings.read_data},
            {"nodes", report.nodes},
            {"entries", report.entries},
            {"inodes", report.inodes},
            {"content_bytes", report.content_bytes},
            {"content_bytes_read", report.content_bytes_read},
            {"segments", report.segments},
            {"unused_segments", report.unused_segments},
            {"foreign_objects", report.foreign_objects}};
}

void print(const Outcome& outcome, const CheckVaultSettings& settings) {
    const fs::CheckReport& report = outcome.report;
    for (const std::string& note : outcome.notes) std::cout << note << '\n';
    for (const fs::Finding& finding : report.findings)
        std::cout << (finding.path.empty() ? "" : finding.path + ": ") << finding.what << '\n';
    std::cout << count_text(report.inodes, "inode") << ", " << count_text(report.nodes, "node") << ", "
              << bytes_text(report.content_bytes) << " of content ("
              << (settings.read_data ? bytes_text(report.content_bytes_read) + " read" : "not read") << "), "
              << count_text(report.segments, "segment") << " (" << report.unused_segments
              << " of them unused), " << count_text(report.foreign_objects, "foreign object") << "\n";
    if (!is_damaged(outcome)) {
        std::cout << "No damage was found." << std::endl;
    } else {
        std::cout << count_text(report.findings.size(), "finding") << ": the vault is damaged." << std::endl;
    }
}

int check(const CheckVaultSettings& settings) {
    const Notice notice = say_notice;
    const std::string directory = vault_directory(settings.vault);
    const crypto::VaultConfig config = read_config(directory, notice);
    const std::unique_ptr<crypto::VaultKeys> keys =
        unlock(config, read_credential(settings.password, Prompt::once), notice);
    const bool shows_progress = !settings.json && ::isatty(STDERR_FILENO) == 1;

    fs::CheckSettings how;
    how.read_data = settings.read_data;
    if (shows_progress) how.on_progress = show_progress;
    boost::asio::io_context context(1);
    asyncdrop::install(context);
    Outcome outcome;
    std::exception_ptr failed;
    // Asked before the vault is listed, so that a writer beside cannot make that look old.
    const std::optional<tree::ReplicaVersion> known = known_version(config.vault_id, notice);
    asio::co_spawn(context, check_directory(context.get_executor(), directory, *keys, known, how, outcome),
                   [&failed](const std::exception_ptr& error) { failed = error; });
    context.run();
    if (shows_progress) std::cerr << "\r\x1b[K" << std::flush;
    if (failed) std::rethrow_exception(failed);
    if (settings.json) {
        std::cout << json_of(outcome, settings).dump(2) << std::endl;
    } else {
        print(outcome, settings);
    }
    return is_damaged(outcome) ? exit_vault_damaged : exit_code_of(outcome.verdict);
}

}  // namespace

int run_check(const CheckVaultSettings& settings) {
    return failing_in_json(settings.json, [&settings] { return check(settings); });
}

}  // namespace demofs::app
