// Waiters are resumed by post, never inline: whoever wakes them is in the middle of changing what they wait
// for.
#include "demofs/base/wait_queue.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace demofs {

boost::asio::awaitable<void> WaitQueue::wait() {
    const auto initiation = [this](Handler handler) { waiting_.push_back(std::move(handler)); };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        initiation, boost::asio::use_awaitable);
}

void WaitQueue::wake_all() {
    std::vector<Handler> woken;
    woken.swap(waiting_);
    for (Handler& handler : woken) boost::asio::post(std::move(handler));
}

}  // namespace demofs
