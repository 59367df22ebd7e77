// The loop: end what was released, then one step for the orphan at the head of the queue, then let others
// run. Orphans take turns, so that a huge file does not keep small ones waiting.
#include "demofs/fs/background/reclaimer.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

constexpr std::size_t orphans_per_scan = 1024;

}  // namespace

void Reclaimer::add(std::uint64_t number) {
    queue_.push_back(number);
    wake();
}

void Reclaimer::start() {
    task_ = asyncdrop::AsyncDropTask::start(executor_, "reclaimer",
                                            [this](asyncdrop::TaskControl& control) { return run(control); });
}

Reclaimed Reclaimer::step(std::uint64_t number) {
    return reclaim_step(*tree_, number, in_use_(InodeNumber{number}));
}

asio::awaitable<void> Reclaimer::scan_orphans(asyncdrop::TaskControl& control) {
    std::uint64_t from = 0;
    for (;;) {
        const auto list = [this, from] {
            std::vector<std::uint64_t> numbers;
            tree_->scan(orphan_key(from), orphan_key(max_key), [&](const tree::Key& key, ByteSpan) {
                numbers.push_back(key.key);
                return numbers.size() < orphans_per_scan;
            });
            return numbers;
        };
        const std::vector<std::uint64_t> numbers = co_await tree_->retry(list);
        queue_.insert(queue_.end(), numbers.begin(), numbers.end());
        if (numbers.size() < orphans_per_scan || control.stopping()) co_return;
        from = numbers.back() + 1;
    }
}

// One step for the first in the queue; one with more to do goes to the end.
asio::awaitable<void> Reclaimer::reclaim_next() {
    const std::uint64_t number = queue_.front();
    queue_.pop_front();
    const auto one_step = [this, number] { return step(number); };
    const Reclaimed result = co_await tree_->retry(one_step);
    if (result == Reclaimed::partly) queue_.push_back(number);
    co_await tree_->throttle();
}

asio::awaitable<void> Reclaimer::run(asyncdrop::TaskControl& control) {
    std::exception_ptr error;
    try {
        co_await scan_orphans(control);
    } catch (...) {
        error = std::current_exception();
    }
    scanned_ = true;
    if (error) on_problem_(error);
    while (!control.stopping()) {
        if (open_files_->has_closing()) {
            co_await open_files_->finish_closing();
        } else if (queue_.empty() || tree_->read_only()) {
            co_await control.wait();
        } else {
            error = nullptr;
            try {
                co_await reclaim_next();
            } catch (...) {  // this one stays an orphan; the next mount tries again
                error = std::current_exception();
            }
            if (error) on_problem_(error);
            co_await asio::post(executor_, asio::use_awaitable);
        }
    }
}

}  // namespace demofs::fs
