// The order in which a mount comes up, serves and goes down.
//
// Each resource becomes a node of the stack's teardown graph as soon as it exists, so there is one way down
// for all: a mount that failed half-way, one that was unmounted, and one whose connection broke. Triggers and
// control socket outlive the graph, since they report on it.
#include "demofs/app/mount_daemon.hpp"

#include <algorithm>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "demofs/app/failure.hpp"
#include "demofs/base/error.hpp"

namespace demofs::app {

namespace asio = boost::asio;

namespace {

constexpr std::size_t mib = 1024 * 1024;

fs::NameHash name_hash_of(const crypto::VaultKeys& keys) {
    return [&keys](std::string_view name) {
        return keys.siphash(std::as_bytes(std::span(name.data(), name.size())));
    };
}

StackSettings stack_settings(const MountSettings& settings) {
    StackSettings stack;
    stack.cache_bytes = settings.cache_mib * mib;
    stack.tree_cache_bytes = settings.tree_cache_mib * mib;
    stack.dirty_bytes = settings.dirty_mib * mib;
    stack.accept_fork = settings.accept_fork;
    return stack;
}

// `sentence`, and which files it is about. Their names are not known here.
std::string with_inodes(std::string sentence, const std::vector<InodeNumber>& inodes) {
    constexpr std::size_t most_named = 20;
    std::string text = std::move(sentence) + ", with the inode numbers";
    for (std::size_t i = 0; i < std::min(inodes.size(), most_named); ++i)
        text += " " + std::to_string(raw(inodes[i]));
    if (inodes.size() > most_named) text += " and " + std::to_string(inodes.size() - most_named) + " more";
    text += "; once it is mounted again, find DIR -inum NUMBER tells the name";
    return text;
}

}  // namespace

MountDaemon::MountDaemon(const MountSettings& settings, const crypto::VaultKeys& keys, spdlog::logger& logger,
                         ReadyNotice& ready, asio::any_io_executor executor)
    : settings_(settings),
      keys_(keys),
      logger_(logger),
      ready_(ready),
      executor_(executor),
      notice_([this](const std::string& sentence) { logger_.warn(sentence); }),
      stack_(executor, settings.vault, keys, notice_, [this] {
          asyncdrop::TeardownSettings teardown;
          teardown.warn_after = std::chrono::seconds(2);
          teardown.sink = [this](std::string_view sentence) {
              logger_.warn(sentence);
              if (control_) control_->tell("progress", std::string(sentence));
          };
          return teardown;
      }()) {}

asio::awaitable<int> MountDaemon::run() {
    triggers_ = UnmountTriggers::make(executor_, notice_, [this] { log_state(); });
    triggers_->start();
    std::exception_ptr failed;
    int code = exit_ok;
    try {
        auto coming_up = bring_up();
        co_await std::move(coming_up);
    } catch (...) {
        failed = std::current_exception();
    }
    if (failed) {
        logger_.debug("The mount failed ({}); taking down what was built", describe(failed));
        auto going_down = take_down();
        const asyncdrop::TeardownReport report = co_await std::move(going_down);
        logger_.log(report.ok() ? spdlog::level::debug : spdlog::level::err,
                    "Teardown of the failed mount:\n{}", report.to_text());
    } else {
        auto serving = serve_and_tear_down();
        code = co_await std::move(serving);
    }
    co_await asyncdrop::even_if_cancelled;
    co_await asyncdrop::drop_in_order(triggers_, control_);
    if (failed) std::rethrow_exception(failed);
    co_return code;
}

asio::awaitable<void> MountDaemon::bring_up() {
    auto opening =
        stack_.open(settings_.read_only ? Access::read_only : Access::read_write, stack_settings(settings_));
    co_await std::move(opening);

    fs::FilesystemSettings filesystem_settings;
    filesystem_settings.read_only = settings_.read_only;
    filesystem_settings.commit_interval = settings_.commit_interval;
    filesystem_settings.dirty_data_bytes = settings_.dirty_mib * mib / 2;
    filesystem_settings.readahead_bytes = std::min<std::size_t>(2 * mib, settings_.cache_mib * mib / 8);
    filesystem_settings.on_problem = notice_;
    auto filesystem = fs::Filesystem::make(filesystem_settings, stack_.tree(), stack_.store(),
                                           name_hash_of(keys_), executor_);
    const auto filesystem_node = stack_.graph().add("filesystem", std::move(filesystem),
                                                    asyncdrop::uses(stack_.tree_node(), stack_.store_node()));
    filesystem_ = &stack_.graph().get(filesystem_node);

    // Before the mount can be seen: whoever unmounts it finds somebody to listen to.
    control_ = ControlServer::make(settings_.mount_point, executor_);
    control_->start();

    fuse::SessionSettings session_settings;
    session_settings.mount_point = settings_.mount_point;
    session_settings.source = settings_.vault;
    session_settings.allow_other = settings_.allow_other;
    session_settings.read_only = settings_.read_only;
    session_settings.collect_interval = settings_.commit_interval;
    session_settings.log = notice_;
    session_settings.on_ready = [this] { on_ready(); };
    auto kernel_calls = WorkerPool::make(1);
    kernel_calls_ = &*kernel_calls;
    const auto kernel_calls_node = stack_.graph().add("kernel calls", std::move(kernel_calls));
    auto session = fuse::Session::make(session_settings, *filesystem_, *kernel_calls_, executor_);
    session_ = &*session;
    stack_.graph().add("session", std::move(session), asyncdrop::uses(filesystem_node, kernel_calls_node));
    failing_with(exit_mount_point, [this] { session_->mount(); });
    if (!settings_.read_only) filesystem_->start();
}

void MountDaemon::on_ready() {
    logger_.info("Mounted {} on {} ({} segments, {} inodes)", settings_.vault, settings_.mount_point,
                 stack_.segment_count(), stack_.tree().counters().inodes);
    if (!ready_.in_background()) return;
    ready_.ready();
    leave_terminal(logger_, settings_.log);
}

asio::awaitable<int> MountDaemon::serve_and_tear_down() {
    MountedParts parts{session_->mounted(), kernel_calls_, filesystem_, session_};
    triggers_->mounted(std::move(parts), settings_.idle_timeout);
    std::exception_ptr failed;
    try {
        auto serving = session_->run();
        co_await std::move(serving);
    } catch (...) {
        failed = std::current_exception();
    }
    triggers_->unmounted();
    if (failed) logger_.error("{}", describe(failed));
    logger_.info("Unmounting {}: {}", settings_.mount_point,
                 triggers_->cause().empty() ? "unmounted" : triggers_->cause());

    // Asked before the teardown: afterwards nobody knows which changes were on their way.
    const std::vector<InodeNumber> cut_off = session_->cut_off();
    const std::vector<InodeNumber> unwritten = filesystem_->undurable_inodes();
    auto going_down = take_down();
    const asyncdrop::TeardownReport report = co_await std::move(going_down);
    std::vector<std::string> lost;
    if (!cut_off.empty()) {
        lost.push_back(with_inodes(
            "the connection ended while programs were writing: their last writes may be lost in " +
                std::to_string(cut_off.size()) + " files",
            cut_off));
    }
    if (!report.ok() && !unwritten.empty()) {
        lost.push_back(with_inodes(
            "not saved: the last changes of " + std::to_string(unwritten.size()) + " files", unwritten));
    }
    for (const std::string& sentence : lost) {
        logger_.error(sentence);
        control_->tell("report", sentence);
    }
    const int code = !report.ok() || !cut_off.empty() ? exit_not_saved : failed ? exit_failure : exit_ok;
    deliver(report, code);
    co_return code;
}

asio::awaitable<asyncdrop::TeardownReport> MountDaemon::take_down() {
    filesystem_ = nullptr;
    session_ = nullptr;
    return stack_.tear_down();
}

void MountDaemon::deliver(const asyncdrop::TeardownReport& report, int code) {
    const std::string text = report.to_text();
    logger_.log(report.ok() ? spdlog::level::info : spdlog::level::err, "Teardown of {}:\n{}",
                settings_.mount_point, text);
    if (settings_.teardown_report) {
        std::ofstream file(*settings_.teardown_report);
        file << text;
        file.close();
        if (!file)
            logger_.error("The teardown report could not be written to {}", *settings_.teardown_report);
    }
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) control_->tell("report", line);
    logger_.flush();
    control_->tell("result", std::to_string(code));
}

void MountDaemon::log_state() {
    if (!filesystem_ || !session_) return logger_.info("State: going up or down");
    logger_.info(
        "State: {} requests served, {} in flight, {} open handles, {} files with unwritten data, {} bytes "
        "not durable",
        session_->requests(), session_->in_flight(), filesystem_->open_handles(), filesystem_->dirty_files(),
        stack_.tree().blocks().unsynced_bytes());
}

}  // namespace demofs::app
