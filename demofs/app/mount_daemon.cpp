// The order in which a mount comes up, serves and goes down. (What is said at the end, and giving up, are in
// mount_daemon_end.cpp.)
//
// Each resource becomes a node of the stack's teardown graph as soon as it exists, so there is one way down
// for all: a mount that failed half-way, one that was unmounted, and one whose connection broke. Triggers and
// control socket outlive the graph, since they report on it.
#include "demofs/app/mount_daemon.hpp"
#include "demofs/app/history_id.hpp"

#include <algorithm>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <utility>

#include "demofs/app/amount_text.hpp"
#include "demofs/app/daemon_status.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/base/error.hpp"
#include "demofs/tree/commit_record.hpp"

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
    if (settings.history) stack.history = history_id(*settings.history);
    stack.accept_fork = settings.accept_fork;
    stack.accept_rollback = settings.accept_rollback;
    stack.state_interval = settings.commit_interval;
    return stack;
}

// How often what is left to save is looked at, and told.
constexpr std::chrono::milliseconds look_interval(250);

// How often a mount in use looks whether its store still answers.
constexpr std::chrono::seconds store_look_interval(5);

// What a service manager lets a mount live on that is being saved, from one look to the next.
constexpr std::chrono::seconds extension(30);

}  // namespace

MountDaemon::MountDaemon(const MountSettings& settings, const crypto::VaultKeys& keys, spdlog::logger& logger,
                         ReadyNotice& ready, asio::any_io_executor executor)
    : settings_(settings),
      keys_(keys),
      logger_(logger),
      ready_(ready),
      executor_(executor),
      notice_([this](const std::string& sentence) {
          logger_.warn(sentence);
          if (control_ && phase_ != Phase::mounted) control_->tell("notice", sentence);
      }),
      faults_(settings.store_faults.empty() ? nullptr : std::make_shared<store::FaultPlan>()),
      stack_(executor, settings.vault, keys, notice_, [this] {
          asyncdrop::TeardownSettings teardown;
          teardown.warn_after = std::chrono::seconds(2);
          teardown.sink = [this](std::string_view sentence) { logger_.warn(sentence); };
          return teardown;
      }()) {}

asio::awaitable<int> MountDaemon::run() {
    enter(Phase::coming_up);
    triggers_ = UnmountTriggers::make(executor_, notice_, trigger_actions());
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
        auto taking_down = take_down();
        const asyncdrop::TeardownReport report = co_await std::move(taking_down);
        logger_.log(report.ok() ? spdlog::level::debug : spdlog::level::err,
                    "Teardown of the failed mount:\n{}", report.to_text());
    } else {
        auto serving = serve_and_tear_down();
        code = co_await std::move(serving);
    }
    co_await asyncdrop::even_if_cancelled;
    co_await asyncdrop::drop_in_order(triggers_, watcher_, control_);
    if (failed) std::rethrow_exception(failed);
    co_return code;
}

asio::awaitable<void> MountDaemon::bring_up() {
    StackSettings settings = stack_settings(settings_);
    settings.faults = faults_;
    auto opening =
        stack_.open(settings_.read_only ? Access::read_only : Access::read_write, std::move(settings));
    co_await std::move(opening);

    fs::FilesystemSettings filesystem_settings;
    filesystem_settings.read_only = settings_.read_only;
    filesystem_settings.commit_interval = settings_.commit_interval;
    filesystem_settings.dirty_data_bytes = settings_.dirty_mib * mib / 2;
    filesystem_settings.readahead_bytes = std::min<std::size_t>(2 * mib, settings_.cache_mib * mib / 8);
    filesystem_settings.on_problem = notice_;
    auto filesystem = fs::Filesystem::make(filesystem_settings, stack_.tree(), stack_.store(),
                                           name_hash_of(keys_), executor_);
    auto last = [this] { return commit_last(); };
    const auto last_commit_node =
        stack_.graph().add_task("last commit", std::move(last), asyncdrop::uses(stack_.top_node()));
    const auto filesystem_node =
        stack_.graph().add("filesystem", std::move(filesystem),
                           asyncdrop::uses(last_commit_node, stack_.tree_node(), stack_.store_node()));
    filesystem_ = &stack_.graph().get(filesystem_node);

    // Before the mount can be seen: whoever unmounts it finds somebody to listen to.
    ControlAnswers answers;
    answers.status = [this] { return status(); };
    answers.flush = [this] { return flush(); };
    control_ = ControlServer::make(settings_.mount_point, std::move(answers), executor_);
    control_->start();
    watcher_ = asyncdrop::AsyncDropTask::start(
        executor_, "saving watch", [this](asyncdrop::TaskControl& control) { return watch_saving(control); });

    fuse::SessionSettings session_settings;
    session_settings.mount_point = settings_.mount_point;
    session_settings.source = settings_.vault;
    session_settings.allow_other = settings_.allow_other;
    session_settings.noexec = settings_.noexec;
    session_settings.read_only = settings_.read_only;
    session_settings.collect_interval = settings_.commit_interval;
    session_settings.log = notice_;
    session_settings.on_ready = [this] { on_ready(); };
    auto kernel_calls = WorkerPool::make(1);
    kernel_calls_ = &*kernel_calls;
    const auto kernel_calls_node = stack_.graph().add("kernel calls", std::move(kernel_calls));
    auto session = fuse::Session::make(session_settings, *filesystem_, *kernel_calls_, executor_);
    session_ = &*session;
    const auto session_node = stack_.graph().add("session", std::move(session),
                                                 asyncdrop::uses(filesystem_node, kernel_calls_node));
    auto flushes = asyncdrop::AsyncDropGate::create();
    const auto flushes_node = stack_.graph().add("flushes on request", std::move(flushes),
                                                 asyncdrop::uses(session_node, filesystem_node));
    flushes_ = &stack_.graph().get(flushes_node);
    failing_with(exit_mount_point, [this] { session_->mount(); });
    cut_connection_ = session_->cutter();
    if (!settings_.read_only) filesystem_->start();
}

void MountDaemon::on_ready() {
    if (ready_.in_background()) leave_terminal(logger_, settings_.log);
    logger_.info("Mounted {} on {} ({}, {})", settings_.vault, settings_.mount_point,
                 count_text(stack_.segment_count(), "segment"),
                 count_text(stack_.tree().counters().inodes, "inode"));
    for (const std::string& fault : settings_.store_faults) {
        logger_.warn("The store is made to misbehave: --store-fault {}", fault);
        faults_->add(store::parse_fault(fault));
    }
    manager_.ready("mounted on " + settings_.mount_point);
    if (ready_.in_background()) ready_.ready();
}

asio::awaitable<int> MountDaemon::serve_and_tear_down() {
    enter(Phase::mounted);
    triggers_->mounted(settings_.idle_timeout);
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
    note_unsaved();
    auto taking_down = take_down();
    const asyncdrop::TeardownReport report = co_await std::move(taking_down);
    const int code = !report.ok() || !cut_off_.empty() ? exit_not_saved : failed ? exit_failure : exit_ok;
    deliver(report, code);
    co_return code;
}

asio::awaitable<asyncdrop::TeardownReport> MountDaemon::take_down() {
    enter(Phase::tearing_down);
    filesystem_ = nullptr;
    session_ = nullptr;
    flushes_ = nullptr;
    auto running = stack_.tear_down();
    co_return co_await std::move(running);
}

// Between the filesystem, which has put everything into the tree, and the tree: a step of its own, so that
// the report tells what was saved and how long that took.
asio::awaitable<void> MountDaemon::commit_last() {
    tree::Tree& tree = stack_.tree();
    outcome_.bytes = tree.blocks().unsynced_bytes() + tree.dirty_bytes();
    std::exception_ptr failed;
    try {
        if (!settings_.read_only && tree.dirty()) {
            auto committing = tree.commit();
            co_await std::move(committing);
        }
    } catch (...) {
        failed = std::current_exception();
    }
    if (const tree::CommitRecord* last = tree.last_commit()) outcome_.commit = raw(last->generation);
    if (failed) std::rethrow_exception(failed);
}

asio::awaitable<void> MountDaemon::watch_saving(asyncdrop::TaskControl& control) {
    while (!control.stopping()) {
        std::chrono::milliseconds pause = look_interval;
        if (phase_ == Phase::mounted) pause = store_look_interval;  // enter() wakes it up
        co_await control.wait_for(pause);
        look_at_store();
        if (phase_ == Phase::mounted || control.stopping()) continue;
        const std::optional<asyncdrop::TeardownReport> going = stack_.so_far();
        if (!going) continue;
        const asyncdrop::TeardownReport& so_far = *going;
        const SavingState state = saving_state(so_far);
        const auto now = SavingWatch::Clock::now();
        saving_.look(state, now);
        std::string waits = waiting_for(so_far);
        if (const std::string store = store_wait(); !store.empty())
            waits += (waits.empty() ? "" : "; ") + store;
        const std::string progress = bytes_text(state.bytes_left) + " left to save" +
                                     (waits.empty() ? "" : " (waiting for " + waits + ")");
        control_->tell("progress", progress);
        if (stuck()) {
            manager_.status(progress);
        } else {
            manager_.still_stopping(progress, extension);
        }
        if (settings_.teardown_timeout.count() > 0 && saving_.stuck_for(now) >= settings_.teardown_timeout)
            give_up("nothing has moved on for " + std::to_string(settings_.teardown_timeout.count()) + " s");
    }
}

// The worker for calls of the kernel is a node of the teardown, which waits for this as for all that it does.
asio::awaitable<void> MountDaemon::unmount(fuse::UnmountMode mode) {
    auto blocking = [mount = session_->mounted(), mode] { fuse::unmount(mount, mode); };
    auto running = kernel_calls_->run(std::move(blocking));
    co_await std::move(running);
}

TriggerActions MountDaemon::trigger_actions() {
    TriggerActions actions;
    actions.report = [this] { log_state(); };
    actions.going_down = [this] { enter(Phase::unmounting); };
    actions.only_serving = [this] { enter(Phase::mounted); };
    actions.stuck = [this] { return stuck(); };
    actions.give_up = [this](const std::string& cause) { give_up(cause); };
    actions.unmount = [this](fuse::UnmountMode mode) { return unmount(mode); };
    actions.stop_serving = [this] { return session_->stop(); };
    actions.use = [this] {
        return MountUse{session_->requests(), session_->in_flight() != 0 || filesystem_->open_handles() != 0};
    };
    return actions;
}

}  // namespace demofs::app
