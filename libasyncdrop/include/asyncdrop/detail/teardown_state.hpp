// The nodes of a TeardownGraph and their teardown. Included by files of impl/ only.
//
// There is no driver: a node's cleanup starts when the last of its users has ended, from the thread where
// that one ended. The state is kept alive by every cleanup that runs, so the graph's object may die first.
//
// Threads: every public member may be called from any thread; `mutex_` guards all data. Nothing foreign (a
// cleanup, the sink, an executor) is called with the mutex held.
//
// Invariants
// * A node is `waiting` until all its users are `dropped` or `failed`; so nothing is dropped under a live
// user.
// * `open_` counts the nodes that are `waiting` or `dropping`; the teardown is over when it is zero.
// * Once `closed_`, nodes and edges do not change, and a state only moves on.
// * An abandoned node stays abandoned, whatever its cleanup does later.
#pragma once

#include <asyncdrop/detail/completion.hpp>
#include <asyncdrop/detail/teardown_node.hpp>
#include <asyncdrop/teardown_report.hpp>
#include <asyncdrop/teardown_settings.hpp>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace asyncdrop::detail {

class NodeRun;  // in impl/teardown_run.ipp

class TeardownState : public std::enable_shared_from_this<TeardownState> {
  public:
    using Time = NodeReport::Time;
    using Duration = Time::duration;
    using Clock = std::chrono::steady_clock;

    // How often a node is warned of at most, so that a warn_after of nothing does not keep a thread busy.
    static constexpr Duration shortest_repeat = std::chrono::milliseconds(1);

    explicit TeardownState(TeardownSettings settings) : settings_(std::move(settings)) {}
    TeardownState(const TeardownState&) = delete;
    TeardownState& operator=(const TeardownState&) = delete;
    ~TeardownState();

    // What handles and executors know this graph by: a number that is never given again, so that a handle
    // that has outlived its graph is no other's.
    std::uint64_t identity() const noexcept { return identity_; }

    // Registers a node that has name, uses and executor; its adopt() is called when nothing can go wrong any
    // more. Throws TeardownError or std::bad_alloc, and then has changed nothing.
    std::size_t insert(std::unique_ptr<TeardownNode> node);

    void add_edge(std::size_t user, std::size_t used);
    void* value_of(std::size_t index);

    // Takes a node out that nobody uses, if `wanted` (which must not throw) says that it is the right one.
    std::unique_ptr<TeardownNode> remove(std::size_t index, bool (*wanted)(const TeardownNode&) noexcept);

    // What has happened until now.
    TeardownReport so_far() const;

    // Tears down, or joins the teardown that runs or is over.
    static asio::awaitable<TeardownReport> run(std::shared_ptr<TeardownState> self);

  private:
    friend class NodeRun;
    class Cancellation;

    TeardownNode& node_at(std::size_t index);
    void check_open() const;
    std::vector<std::size_t> path(std::size_t from, std::size_t to) const;

    void begin(const asio::any_io_executor& executor);
    void launch_ready() noexcept;
    void launch(std::size_t index, const asio::any_io_executor& node_executor) noexcept;
    void node_ended(std::size_t index, std::exception_ptr error) noexcept;
    void node_lost(std::size_t index) noexcept;
    void give_up(std::size_t index, std::exception_ptr error) noexcept;
    void finish_if_done() noexcept;

    static Time next_deadline(const TeardownNode& node) noexcept;
    void arm_timer() noexcept;
    void arm_timer_for(Time next) noexcept;
    void on_timer() noexcept;
    std::vector<std::size_t> holding_up(const TeardownNode& node) const;
    std::string sentence_about(const TeardownNode& node, Time now) const;

    TeardownReport report();
    TeardownReport describe() const;
    void print_unreported() const noexcept;

    const TeardownSettings settings_;
    static inline std::atomic<std::uint64_t> last_identity{0};
    const std::uint64_t identity_ = ++last_identity;
    Completion completion_;

    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<TeardownNode>> nodes_;  // null: released
    std::unordered_map<std::string, std::size_t> names_;
    std::vector<std::size_t> ready_;   // first in, first out from `next_ready_` on; never reallocated
    std::vector<std::size_t> doomed_;  // scratch space of give_up()
    std::size_t next_ready_ = 0;
    std::size_t running_ = 0;
    std::size_t open_ = 0;
    bool closed_ = false;
    bool reported_ = false;  // a caller of run() got the report
    Time started_;
    Time ended_;
    asio::any_io_executor executor_;
    Time timer_at_ = Time::max();              // when it expires
    std::weak_ptr<asio::steady_timer> timer_;  // owned by its own wait, so it dies with its context
};

}  // namespace asyncdrop::detail
