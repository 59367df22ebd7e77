// TeardownState's second life: the cleanups run. See teardown_state.hpp.
#pragma once

#include <algorithm>
#include <asyncdrop/detail/attempt.hpp>
#include <asyncdrop/detail/serial_executor.hpp>
#include <asyncdrop/detail/shielded.hpp>
#include <asyncdrop/detail/teardown_executor.hpp>
#include <asyncdrop/detail/teardown_state.hpp>
#include <asyncdrop/detail/teardown_text.hpp>
#include <asyncdrop/detail/time_after.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/teardown_error.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace asyncdrop::detail {

// A running cleanup. If it is destroyed unfinished (its context was destroyed, or could not start it), the
// node is given up.
class NodeRun {
  public:
    NodeRun(std::shared_ptr<TeardownState> state, std::size_t index) noexcept
        : state_(std::move(state)), index_(index) {}
    NodeRun(NodeRun&& other) noexcept = default;
    NodeRun& operator=(NodeRun&&) = delete;
    ~NodeRun() {
        if (const auto state = std::move(state_)) state->node_lost(index_);
    }

    TeardownNode& node() const noexcept { return *state_->nodes_[index_]; }  // closed: `nodes_` is constant
    void ended(std::exception_ptr error) noexcept {
        const auto state = std::move(state_);
        state->node_ended(index_, std::move(error));
    }

    static asio::awaitable<void> drop(NodeRun run) {
        Attempt attempt;
        do {
            try {
                asio::awaitable<void> cleanup =
                    run.node().cancel_after ? run.node().drop_unshielded() : run.node().drop();
                co_await std::move(cleanup);
            } catch (...) {
                attempt.error = std::current_exception();
            }
        } while (attempt.again(attempt.error && run.node().armed()));
        run.node().drop_ended();
        run.ended(attempt.error);
    }

  private:
    std::shared_ptr<TeardownState> state_;
    std::size_t index_;
};

ASYNCDROP_DECL asio::awaitable<TeardownReport> TeardownState::run(std::shared_ptr<TeardownState> self) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    if (TeardownExecutor::belongs_to(executor, self->identity())) {
        throw TeardownError(TeardownErrc::run_from_cleanup,
                            "run() was called from a cleanup of the same graph, which it would wait for");
    }
    self->begin(executor);
    asio::awaitable<void> over = self->completion_.wait(self);
    asio::awaitable<void> wait = shielded(std::move(over));
    co_await std::move(wait);
    co_return self->report();
}

ASYNCDROP_DECL void TeardownState::begin(const asio::any_io_executor& executor) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        executor_ = executor;
        started_ = ended_ = Clock::now();
        closed_ = true;
        for (std::size_t index = 0; index < nodes_.size(); ++index) {
            if (!nodes_[index]) continue;
            TeardownNode& node = *nodes_[index];
            ++open_;
            node.blockers = node.users.size();
            if (!node.warn_after) node.warn_after = settings_.warn_after;
            if (!node.cancel_after) node.cancel_after = settings_.cancel_after;
            if (!node.abandon_after) node.abandon_after = settings_.abandon_after;
            if (node.warn_after) node.overdue_at = time_after(started_, *node.warn_after);
            if (node.blockers == 0) ready_.push_back(index);
        }
    }
    launch_ready();
    finish_if_done();  // an empty graph
    const std::lock_guard lock(mutex_);
    arm_timer();
}

// Starts what may be started. One at a time: launching must not hold the mutex.
ASYNCDROP_DECL void TeardownState::launch_ready() noexcept {
    for (;;) {
        std::size_t index = 0;
        asio::any_io_executor executor;
        {
            const std::lock_guard lock(mutex_);
            const std::size_t limit = std::max<std::size_t>(1, settings_.max_concurrent);
            if (next_ready_ == ready_.size() || running_ >= limit) return;
            index = ready_[next_ready_++];
            TeardownNode& node = *nodes_[index];
            node.state = NodeState::dropping;
            node.started = Clock::now();
            if (node.warn_after) node.overdue_at = time_after(*node.started, *node.warn_after);
            arm_timer_for(next_deadline(node));
            ++running_;
            executor = node.executor.value_or(executor_);
        }
        launch(index, executor);
    }
}

// Always posts: a cleanup that ends at once would otherwise start its successor on the same stack.
ASYNCDROP_DECL void TeardownState::launch(std::size_t index,
                                          const asio::any_io_executor& node_executor) noexcept {
    struct Start {
        asio::any_io_executor executor;
        std::shared_ptr<asio::cancellation_signal> signal;
        NodeRun run;

        void operator()() {
            try {
                if (!signal) {
                    asio::co_spawn(executor, NodeRun::drop(std::move(run)), asio::detached);
                    return;
                }
                // The signal dies with the coroutine that it may cancel: neither may outlive the context.
                const asio::cancellation_slot slot = signal->slot();
                asio::co_spawn(executor, NodeRun::drop(std::move(run)),
                               asio::bind_cancellation_slot(
                                   slot, [kept = std::move(signal)](const std::exception_ptr&) {}));
            } catch (...) {  // no memory; the run's destructor has given the node up
            }
        }
    };
    NodeRun run(shared_from_this(), index);
    try {
        TeardownNode& node = run.node();
        if (!node.cancel_after) {
            const asio::any_io_executor executor = TeardownExecutor(node_executor, identity_);
            asio::post(executor, Start{executor, nullptr, std::move(run)});
            return;
        }
        const asio::any_io_executor serial = serial_executor(node_executor);
        const asio::any_io_executor executor = TeardownExecutor(serial, identity_);
        const auto signal = std::make_shared<asio::cancellation_signal>();
        {
            const std::lock_guard lock(mutex_);
            if (node.state == NodeState::dropping) {  // else it was abandoned before it could begin
                node.signal = signal;
                node.running_on = executor;
                arm_timer_for(next_deadline(node));
            }
        }
        asio::post(executor, Start{executor, signal, std::move(run)});
    } catch (...) {  // as above
    }
}

ASYNCDROP_DECL void TeardownState::node_ended(std::size_t index, std::exception_ptr error) noexcept {
    {
        const std::lock_guard lock(mutex_);
        TeardownNode& node = *nodes_[index];
        if (node.state != NodeState::dropping) return;  // abandoned meanwhile
        node.state = error ? NodeState::failed : NodeState::dropped;
        node.running_on = nullptr;
        node.error = std::move(error);
        node.ended = Clock::now();
        --running_;
        --open_;
        for (const std::size_t used : node.uses) {
            if (--nodes_[used]->blockers == 0) ready_.push_back(used);
        }
    }
    launch_ready();
    finish_if_done();
}

ASYNCDROP_DECL void TeardownState::node_lost(std::size_t index) noexcept {
    std::exception_ptr error;
    try {
        error = std::make_exception_ptr(TeardownError(
            TeardownErrc::context_lost, "the execution context of the cleanup of \"" + nodes_[index]->name +
                                            "\" was destroyed, or could not run it, before it ended"));
    } catch (...) {
        error = std::current_exception();
    }
    {
        const std::lock_guard lock(mutex_);
        nodes_[index]->drop_ended();
        if (nodes_[index]->state != NodeState::dropping) return;
        give_up(index, std::move(error));
    }
    launch_ready();
    finish_if_done();
}

// The node is abandoned and everything below it skipped. With the mutex held.
ASYNCDROP_DECL void TeardownState::give_up(std::size_t index, std::exception_ptr error) noexcept {
    TeardownNode& node = *nodes_[index];
    node.state = NodeState::abandoned;
    node.running_on = nullptr;
    node.error = std::move(error);
    node.ended = Clock::now();
    --running_;
    --open_;
    doomed_.assign(1, index);
    while (!doomed_.empty()) {
        const std::size_t user = doomed_.back();
        doomed_.pop_back();
        for (const std::size_t used : nodes_[user]->uses) {
            if (nodes_[used]->state != NodeState::waiting) continue;
            nodes_[used]->state = NodeState::skipped;
            --open_;
            doomed_.push_back(used);
        }
    }
}

ASYNCDROP_DECL void TeardownState::finish_if_done() noexcept {
    const std::lock_guard lock(mutex_);
    if (!closed_ || open_ != 0 || completion_.done()) return;
    ended_ = Clock::now();
    if (const auto timer = timer_.lock()) timer->cancel();
    executor_ = nullptr;  // a strand must not outlive its context, which may die before the graph
    for (const auto& node : nodes_) {
        if (node) node->executor.reset();
    }
    completion_.complete(nullptr);
}

// When something is to be said or done about a slow node next. With the mutex held.
ASYNCDROP_DECL TeardownState::Time TeardownState::next_deadline(const TeardownNode& node) noexcept {
    Time next = node.overdue_at;
    if (node.state != NodeState::dropping) return node.state == NodeState::waiting ? next : Time::max();
    if (node.cancel_after && node.running_on && !node.cancelled)
        next = std::min(next, time_after(*node.started, *node.cancel_after));
    if (node.abandon_after) next = std::min(next, time_after(*node.started, *node.abandon_after));
    return next;
}

// Sets the timer for whatever is due first. With the mutex held.
ASYNCDROP_DECL void TeardownState::arm_timer() noexcept {
    Time next = Time::max();
    for (const auto& node : nodes_) {
        if (node) next = std::min(next, next_deadline(*node));
    }
    arm_timer_for(next);
}

// Sets the timer unless it will expire by then anyway. With the mutex held.
ASYNCDROP_DECL void TeardownState::arm_timer_for(Time next) noexcept try {
    if (open_ == 0 || next >= timer_at_) return;
    auto timer = timer_.lock();
    if (!timer) {
        timer = std::make_shared<asio::steady_timer>(executor_);
        timer_ = timer;
    }
    timer->expires_at(next);
    asio::steady_timer& started = *timer;
    started.async_wait(
        [self = shared_from_this(), timer = std::move(timer)](const boost::system::error_code& error) {
            if (!error) self->on_timer();  // else it was set anew, or everything is over
        });
    timer_at_ = next;
} catch (...) {
    // No memory for the timer: the teardown goes on without deadlines.
}

// The cancellation of one running cleanup, to be requested without the mutex.
class TeardownState::Cancellation {
  public:
    Cancellation(asio::any_io_executor executor, std::weak_ptr<asio::cancellation_signal> signal) noexcept
        : executor_(std::move(executor)), signal_(std::move(signal)) {}

    void request() const noexcept {
        try {
            asio::post(executor_, [signal = signal_] {
                if (const auto alive = signal.lock()) alive->emit(asio::cancellation_type::terminal);
            });
        } catch (...) {  // no memory: the cleanup goes on uncancelled
        }
    }

  private:
    asio::any_io_executor executor_;
    std::weak_ptr<asio::cancellation_signal> signal_;
};

ASYNCDROP_DECL void TeardownState::on_timer() noexcept {
    std::vector<std::string> sentences;
    std::vector<Cancellation> cancellations;
    try {
        const std::lock_guard lock(mutex_);
        if (open_ == 0) return;
        timer_at_ = Time::max();
        const Time now = Clock::now();
        for (std::size_t index = 0; index < nodes_.size(); ++index) {
            if (!nodes_[index]) continue;
            TeardownNode& node = *nodes_[index];
            const bool dropping = node.state == NodeState::dropping;
            if (!dropping && node.state != NodeState::waiting) continue;
            if (node.cancel_after && node.running_on && !node.cancelled &&
                now >= time_after(*node.started, *node.cancel_after)) {
                cancellations.emplace_back(node.running_on, node.signal);
                node.cancelled = now;
            }
            if (node.abandon_after && dropping && now >= time_after(*node.started, *node.abandon_after)) {
                give_up(index, std::make_exception_ptr(TeardownError(
                                   TeardownErrc::abandoned, "the cleanup of \"" + node.name +
                                                                "\" took longer than its abandon_after")));
            } else if (now >= node.overdue_at) {
                sentences.push_back(sentence_about(node, now));
                node.overdue_at = time_after(now, std::max<Duration>(*node.warn_after, shortest_repeat));
            }
        }
    } catch (...) {  // no memory for a sentence; the next tick tries again
    }
    for (const Cancellation& cancellation : cancellations) cancellation.request();
    for (const std::string& sentence : sentences) {
        try {
            if (settings_.sink) settings_.sink(sentence);
        } catch (...) {
        }
    }
    launch_ready();
    finish_if_done();
    const std::lock_guard lock(mutex_);
    arm_timer();
}

// What is being dropped among all that a waiting node waits for; everything, if it only waits for its turn. With
// the mutex held.
ASYNCDROP_DECL std::vector<std::size_t> TeardownState::holding_up(const TeardownNode& node) const {
    std::vector<bool> seen(nodes_.size(), node.blockers == 0);
    std::vector<std::size_t> pending = node.users;
    while (!pending.empty()) {
        const std::size_t user = pending.back();
        pending.pop_back();
        if (seen[user]) continue;
        seen[user] = true;
        pending.insert(pending.end(), nodes_[user]->users.begin(), nodes_[user]->users.end());
    }
    std::vector<std::size_t> dropping;
    for (std::size_t index = 0; index < nodes_.size(); ++index) {
        if (seen[index] && nodes_[index] && nodes_[index]->state == NodeState::dropping)
            dropping.push_back(index);
    }
    return dropping;
}

// The node that takes long, or what another one waits for. With the mutex held.
ASYNCDROP_DECL std::string TeardownState::sentence_about(const TeardownNode& node, Time now) const {
    const auto list = [this](const std::vector<std::size_t>& indices) {
        std::string names;
        for (const std::size_t index : indices) names += (names.empty() ? "" : ", ") + nodes_[index]->name;
        return names;
    };
    const std::string since =
        ", " + duration_text(now - node.started.value_or(started_)) + ", created at " + site_text(node.site);
    if (node.state == NodeState::dropping) {
        std::string text = "still dropping " + node.name + since;
        if (const std::string progress = node.progress ? node.progress() : ""; !progress.empty())
            text += ", " + progress;
        return text;
    }
    std::vector<std::size_t> users;
    std::copy_if(node.users.begin(), node.users.end(), std::back_inserter(users), [this](std::size_t user) {
        return nodes_[user]->state == NodeState::waiting || nodes_[user]->state == NodeState::dropping;
    });
    const std::vector<std::size_t> dropping = holding_up(node);
    std::string text =
        node.name + " waits to be dropped" + since + ", for: " + (users.empty() ? "its turn" : list(users));
    const bool all = std::all_of(users.begin(), users.end(), [this](std::size_t user) {
        return nodes_[user]->state == NodeState::dropping;
    });
    if ((users.empty() || !all) && !dropping.empty()) text += "; being dropped: " + list(dropping);
    return text;
}

ASYNCDROP_DECL TeardownReport TeardownState::report() {
    const std::lock_guard lock(mutex_);
    TeardownReport report = describe();
    reported_ = true;
    return report;
}

ASYNCDROP_DECL TeardownReport TeardownState::so_far() const {
    const std::lock_guard lock(mutex_);
    TeardownReport report = describe();
    const Time now = Clock::now();
    if (!closed_) report.started = now;
    if (!closed_ || open_ != 0) report.ended = now;
    return report;
}

// With the mutex held.
ASYNCDROP_DECL TeardownReport TeardownState::describe() const {
    TeardownReport report;
    report.started = started_;
    report.ended = ended_;
    for (const auto& node : nodes_) {
        if (!node) continue;
        NodeReport& entry = report.nodes.emplace_back();
        entry.name = node->name;
        entry.type = node->type;
        entry.site = node->site;
        entry.state = node->state;
        entry.started = node->started;
        entry.ended = node->ended;
        entry.cancelled = node->cancelled;
        entry.error = node->error;
        if (node->error) entry.error_text = message_of(node->error);
        for (const std::size_t used : node->uses) entry.uses.push_back(nodes_[used]->name);
        for (const std::size_t user : node->users) entry.waited_for.push_back(nodes_[user]->name);
    }
    return report;
}

}  // namespace asyncdrop::detail
