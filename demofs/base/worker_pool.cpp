// How a job travels: its caller's coroutine is suspended, a worker runs it, and only when it has ended the
// caller is posted back to its executor. The end of the pool follows the same rule: the last worker that has
// nothing left to do resumes whoever waits for it.
#include "demofs/base/worker_pool.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "demofs/base/error.hpp"

namespace demofs {
namespace {

/// Threads started while this lives begin with all signals blocked: signals belong to the core thread.
class BlockSignals {
  public:
    BlockSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &saved_);
    }
    ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }

  private:
    sigset_t saved_;
};

}  // namespace

asyncdrop::AsyncDropBox<WorkerPool> WorkerPool::make(std::size_t threads) {
    return asyncdrop::make_box<WorkerPool>(threads);
}

WorkerPool::WorkerPool(asyncdrop::Passkey<WorkerPool>, std::size_t threads) {
    const BlockSignals block_signals;
    const std::size_t count = std::max<std::size_t>(threads, 1);
    threads_.reserve(count);
    try {
        while (threads_.size() < count) {
            threads_.emplace_back([this] { work(); });
            pthread_setname_np(threads_.back().native_handle(), "demofs-worker");
            const std::lock_guard lock(mutex_);
            ++live_workers_;
        }
    } catch (...) {
        join();
        throw;
    }
}

WorkerPool::~WorkerPool() {
    join();
}

void WorkerPool::Job::throw_if_refused() const {
    if (refused_) throw Error(Errc::closed, "The worker pool is shutting down and takes no more jobs.");
}

boost::asio::awaitable<void> WorkerPool::submit(Job& job) {
    const auto initiation = [this, &job](Handler caller) { accept(job, std::move(caller)); };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        initiation, boost::asio::use_awaitable);
}

void WorkerPool::accept(Job& job, Handler caller) {
    std::unique_lock lock(mutex_);
    if (closing_) {
        lock.unlock();
        job.refused_ = true;
        resume(std::move(caller));
        return;
    }
    job.caller_.emplace(std::move(caller));
    (first_ != nullptr ? last_->next_ : first_) = &job;
    last_ = &job;
    lock.unlock();  // from here on `job` may be gone: run by a worker, and its caller ended
    wake_workers_.notify_one();
}

boost::asio::awaitable<void> WorkerPool::all_workers_ended() {
    const auto initiation = [this](Handler closer) { close(std::move(closer)); };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        initiation, boost::asio::use_awaitable);
}

boost::asio::awaitable<void> WorkerPool::async_drop_impl() {
    co_await all_workers_ended();
    join();  // the last worker has nothing left to do but to return
}

void WorkerPool::close(Handler closer) {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    closer_.emplace(std::move(closer));
    wake_workers_.notify_all();
}

void WorkerPool::work() noexcept {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_workers_.wait(lock, [this] { return first_ != nullptr || closing_; });
        if (first_ == nullptr) break;
        Job& job = *std::exchange(first_, first_->next_);
        lock.unlock();
        job.execute();
        resume(*std::exchange(job.caller_, std::nullopt));
        lock.lock();
    }
    --live_workers_;
    if (live_workers_ > 0 || !closer_) return;
    Handler closer = *std::exchange(closer_, std::nullopt);
    lock.unlock();
    resume(std::move(closer));
}

void WorkerPool::join() noexcept {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        wake_workers_.notify_all();
    }
    for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

void WorkerPool::resume(Handler handler) noexcept {
    boost::asio::post(std::move(handler));
}

}  // namespace demofs
