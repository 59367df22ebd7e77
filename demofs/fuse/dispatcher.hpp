// Between libfuse's callbacks and the filesystem: answers a request inline when the filesystem can answer
// from memory, else spawns a coroutine for it.
//
// Threads: the core thread only. Invariant: each request is answered exactly once, also when the operation
// throws; `in_flight` counts those whose coroutine has not ended.
#pragma once

#include <fuse_lowlevel.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/filesystem.hpp"
#include "demofs/fuse/init_answer.hpp"
#include "demofs/fuse/open_writers.hpp"
#include "demofs/fuse/reply.hpp"

namespace demofs::fuse {

struct Dispatcher {
    fs::Filesystem& filesystem;
    boost::asio::any_io_executor executor;
    std::function<void(const std::string&)> log;  ///< problems that no caller can be told
    std::function<void()> on_ready;               ///< INIT, the kernel's first request, is being answered
    std::function<void()> on_idle;                ///< in_flight went down to zero
    /// Lets the kernel ask for an inode's attributes again.
    std::function<void(InodeNumber)> forget_attributes;
    OpenWriters writers;
    InitAnswer init_answer;
    std::uint64_t requests = 0;
    std::uint64_t in_flight = 0;

    static Dispatcher& of(fuse_req_t request) {
        return *static_cast<Dispatcher*>(fuse_req_userdata(request));
    }
};

/// Runs `work` (an awaitable that answers `request` itself) to its end; if it throws, the request gets the
/// errno.
inline void spawn_request(Dispatcher& dispatcher, fuse_req_t request, boost::asio::awaitable<void> work) {
    ++dispatcher.in_flight;
    boost::asio::co_spawn(
        dispatcher.executor, std::move(work), [&dispatcher, request](std::exception_ptr error) {
            if (error) {
                dispatcher.log("A request ended with an unexpected error: " + describe(error));
                reply_error(request, errno_of(error));
            }
            if (--dispatcher.in_flight == 0 && dispatcher.on_idle) dispatcher.on_idle();
        });
}

/// How to answer a request with the outcome of an operation.
template <class Reply>
using Answer = void (*)(fuse_req_t, const Result<Reply>&);

template <class Operation>
boost::asio::awaitable<void> run_and_answer(fuse_req_t request, Operation operation,
                                            Answer<typename Operation::Reply> answer) {
    auto running = Dispatcher::of(request).filesystem.run(std::move(operation));
    const Result<typename Operation::Reply> result = co_await std::move(running);
    answer(request, result);
}

/// Answers `operation` inline if it can be, else spawns it.
template <class Operation>
void serve(fuse_req_t request, Operation operation, Answer<typename Operation::Reply> answer) {
    Dispatcher& dispatcher = Dispatcher::of(request);
    if (auto result = dispatcher.filesystem.try_run(operation)) {
        answer(request, *result);
        return;
    }
    spawn_request(dispatcher, request, run_and_answer(request, std::move(operation), answer));
}

}  // namespace demofs::fuse
