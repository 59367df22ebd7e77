// How a mount ends: what is said about it, and how to end when the store does not answer any more.
//
// An object below the session may be touched as long as something that uses it has not ended: its own drop
// begins only then. So the report of the graph tells what is still there.
#include <sys/stat.h>

#include <algorithm>
#include <asyncdrop/teardown_export.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <vector>

#include "demofs/app/amount_text.hpp"
#include "demofs/app/daemon_status.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/mount_daemon.hpp"
#include "demofs/app/paths_in_memory.hpp"
#include "demofs/app/private_file.hpp"
#include "demofs/tree/commit_record.hpp"

namespace demofs::app {

namespace {

// A slow disk may need that long for one sync.
constexpr std::chrono::seconds stuck_after(10);
constexpr std::size_t most_named = 20;

bool has_ended(const asyncdrop::TeardownReport& report, std::string_view name) {
    const asyncdrop::NodeReport* node = report.find(name);
    return node == nullptr ||
           (node->state != asyncdrop::NodeState::waiting && node->state != asyncdrop::NodeState::dropping);
}

// `sentence`, and which files it is about. Their names are not for the log.
std::string with_inodes(std::string sentence, const std::vector<InodeNumber>& inodes) {
    std::string text = std::move(sentence) + ", with the inode number" + (inodes.size() == 1 ? "" : "s");
    for (std::size_t i = 0; i < std::min(inodes.size(), most_named); ++i)
        text += " " + std::to_string(raw(inodes[i]));
    if (inodes.size() > most_named) text += " and " + std::to_string(inodes.size() - most_named) + " more";
    text += "; once it is mounted again, find DIR -inum NUMBER tells the name";
    return text;
}

}  // namespace

void MountDaemon::enter(Phase phase) {
    phase_ = phase;
    saving_.begin(SavingWatch::Clock::now());
    if (phase == Phase::tearing_down) manager_.stopping("saving everything");
    if (watcher_) watcher_->wake();
}

std::size_t MountDaemon::count_files(const std::vector<InodeNumber>& inodes) {
    std::size_t files = inodes.size();
    for (const InodeNumber inode : inodes) {
        fs::GetAttributes asking;
        asking.inode = inode;
        const auto attributes = filesystem_->try_run(asking);
        if (attributes && *attributes && S_ISDIR((*attributes)->mode)) --files;
    }
    return files;
}

void MountDaemon::note_unsaved() {
    cut_off_ = session_->cut_off();
    std::vector<InodeNumber> unsaved = filesystem_->undurable_inodes();
    outcome_.files = count_files(unsaved);
    if (!cut_off_.empty()) {
        outcome_.problems.push_back(with_inodes(
            "the connection ended while programs were writing: their last writes may be lost in " +
                count_text(cut_off_.size(), "file"),
            cut_off_));
        unsaved.insert(unsaved.end(), cut_off_.begin(), cut_off_.end());
        std::sort(unsaved.begin(), unsaved.end());
        unsaved.erase(std::unique(unsaved.begin(), unsaved.end()), unsaved.end());
    }
    // Kept for the case that they cannot be saved.
    outcome_.not_saved_files = unsaved.size();
    if (unsaved.size() > most_named) unsaved.resize(most_named);
    const std::map<InodeNumber, std::string> paths = paths_in_memory(*filesystem_, unsaved);
    outcome_.not_saved.clear();
    for (const InodeNumber inode : unsaved) {
        const auto found = paths.find(inode);
        outcome_.not_saved.push_back(UnsavedFile{inode, found == paths.end() ? "" : found->second});
    }
}

SavingState MountDaemon::saving_state(const asyncdrop::TeardownReport& so_far) {
    SavingState state;
    for (const asyncdrop::NodeReport& node : so_far.nodes) {
        if (has_ended(so_far, node.name)) ++state.parts_ended;
    }
    if (has_ended(so_far, "last commit")) return state;  // then nothing is left
    const tree::Tree& tree = stack_.tree();
    state.bytes_left = stack_.tree().blocks().unsynced_bytes() + tree.dirty_bytes();
    if (const tree::CommitRecord* last = tree.last_commit()) state.last_commit = raw(last->generation);
    return state;
}

bool MountDaemon::stuck() const {
    return saving_.stuck_for(SavingWatch::Clock::now()) >= stuck_after;
}

std::string MountDaemon::age_text(SavingWatch::Clock::time_point begun) {
    return decimal_text(std::chrono::duration<double>(SavingWatch::Clock::now() - begun).count(), "s");
}

std::string MountDaemon::store_wait() const {
    const auto oldest = stack_.operations().oldest();
    if (!oldest || SavingWatch::Clock::now() - oldest->begun < std::chrono::seconds(1)) return "";
    return "the store: " + operation_text(*oldest) + ", " + age_text(oldest->begun);
}

void MountDaemon::look_at_store() {
    const auto oldest = stack_.operations().oldest();
    const bool hangs = oldest && SavingWatch::Clock::now() - oldest->begun >= stuck_after;
    if (hangs && !unanswered_since_) {
        unanswered_since_ = oldest->begun;
        logger_.warn("The store has not answered for {}: {}", age_text(oldest->begun),
                     operation_text(*oldest));
    } else if (!hangs && unanswered_since_) {
        logger_.warn("The store answers again, after about {}", age_text(*unanswered_since_));
        unanswered_since_.reset();
    }
}

// From inside a callback of the core: what hangs is below, in the store or in the kernel.
void MountDaemon::give_up(const std::string& cause) {
    logger_.error("Giving up ({}): the store does not answer", cause);
    if (filesystem_ && session_) note_unsaved();
    const asyncdrop::TeardownReport so_far = stack_.so_far().value_or(asyncdrop::TeardownReport{});
    const std::string waits = waiting_for(so_far);
    outcome_.problems.push_back("gave up (" + cause + ") while waiting for " +
                                (waits.empty() ? "the kernel or the store" : waits));
    if (!has_ended(so_far, "last commit")) {
        if (const tree::CommitRecord* last = stack_.tree().last_commit())
            outcome_.commit = raw(last->generation);
    }
    deliver(so_far, exit_timed_out);
    if (control_) control_->remove_name();
    if (cut_connection_) cut_connection_();
    std::_Exit(exit_timed_out);
}

void MountDaemon::write_report(const std::optional<std::string>& name, const std::string& what,
                               const std::string& text) {
    if (!name) return;
    make_private_file(*name);
    std::ofstream file(*name);
    file << text;
    file.close();
    if (!file) logger_.error("The {} could not be written to {}", what, *name);
}

void MountDaemon::deliver(const asyncdrop::TeardownReport& report, int code) {
    const std::string text = report.to_text();
    logger_.log(code == exit_ok ? spdlog::level::info : spdlog::level::err, "Teardown of {}:\n{}",
                settings_.mount_point, text);
    write_report(settings_.teardown_trace, "teardown trace", asyncdrop::to_chrome_trace(report));
    write_report(settings_.teardown_graph, "teardown graph", asyncdrop::to_graphviz(report));

    outcome_.code = code;
    std::vector<std::string> losses = outcome_.problems;
    if (report.ok()) {  // then only what the kernel had is missing
        outcome_.not_saved_files = cut_off_.size();
        std::erase_if(outcome_.not_saved, [this](const UnsavedFile& file) {
            return std::find(cut_off_.begin(), cut_off_.end(), file.inode) == cut_off_.end();
        });
    } else if (!outcome_.not_saved.empty()) {
        std::vector<InodeNumber> inodes;
        for (const UnsavedFile& file : outcome_.not_saved) inodes.push_back(file.inode);
        losses.push_back(with_inodes(
            "not saved: the last changes of " + count_text(outcome_.not_saved_files, "file"), inodes));
    }
    std::string with_losses = text;
    for (const std::string& loss : losses) {
        logger_.error(loss);
        with_losses += loss + '\n';
    }
    write_report(settings_.teardown_report, "teardown report", with_losses);
    std::string last_error;
    for (const asyncdrop::NodeReport* failed : report.failures()) {
        if (failed->error_text == last_error) continue;  // passed on by what uses it
        last_error = failed->error_text;
        outcome_.problems.push_back(failed->name + ": " + last_error);
    }
    outcome_.teardown = asyncdrop::to_json(report);
    logger_.flush();
    if (!control_) return;
    control_->tell("outcome", to_json(outcome_));
    control_->tell("result", std::to_string(code));
}

}  // namespace demofs::app
