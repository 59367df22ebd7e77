#include "demofs/store/io/ring_engine.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fstream>

#include "tests/support/temp_dir.hpp"
#include "tests/unit/store/store_test_base.hpp"

namespace demofs::store {
namespace {

class RingEngineTest : public StoreTestBase {
  protected:
    void SetUp() override {
        std::string unusable;
        ring_ = RingEngine::open(context_.get_executor(), unusable);
        ASSERT_TRUE(ring_) << unusable << ". Without it nothing of io_uring is tested here.";
        ASSERT_EQ(::pipe2(pipe_, O_CLOEXEC), 0);
    }
    ~RingEngineTest() override {
        if (ring_) run(ring_.async_drop());
        for (const int end : pipe_)
            if (end >= 0) ::close(end);
    }

    /// Reads one byte from the pipe, which lasts until somebody writes one.
    asio::awaitable<void> read_pipe() {
        iovec piece{&byte_, 1};
        IoOperation operation(IoOperation::Kind::read, pipe_[0], 0, std::span(&piece, 1));
        co_await ring_->run(operation);
        pipe_result_ = operation.result;
    }
    void write_pipe() { ASSERT_EQ(::write(pipe_[1], "x", 1), 1); }
    /// Runs what is ready, several times, as long as nothing else happens.
    void settle() {
        context_.restart();
        for (int i = 0; i < 20; ++i) context_.poll();
    }

    asyncdrop::AsyncDropBox<RingEngine> ring_;
    int pipe_[2] = {-1, -1};
    char byte_ = 0;
    int pipe_result_ = -1;
};

TEST_F(RingEngineTest, MoreOperationsThanTheRingHasPlacesAllEnd) {
    const test_support::TempDir directory;
    std::ofstream(directory / "file") << std::string(100'000, 'x');
    const int file = ::open((directory / "file").c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    int correct = 0;
    const auto reader = [&](std::uint64_t offset) -> asio::awaitable<void> {
        std::byte out[100];
        iovec piece{out, sizeof out};
        IoOperation operation(IoOperation::Kind::read, file, offset, std::span(&piece, 1));
        const std::size_t size = co_await run_fully(*ring_, operation);
        if (size == sizeof out && out[99] == std::byte{'x'}) ++correct;
    };
    for (std::uint64_t i = 0; i < 1000; ++i) {
        asio::co_spawn(context_, reader(i * 99),
                       [](const std::exception_ptr& error) { EXPECT_EQ(describe(error), "no error"); });
    }
    context_.restart();
    context_.run();  // and an idle engine does not keep the context busy
    EXPECT_EQ(correct, 1000);
    ::close(file);
}

TEST_F(RingEngineTest, FailuresAreTheKernels) {
    std::byte out[1];
    iovec piece{out, 1};
    IoOperation operation(IoOperation::Kind::read, -1, 0, std::span(&piece, 1));
    run(ring_->run(operation));
    EXPECT_EQ(operation.result, -EBADF);
    EXPECT_EQ(errno_of_failure([&] { run(run_fully(*ring_, operation)); }), std::errc::bad_file_descriptor);
}

TEST_F(RingEngineTest, ACancelledCallerIsNotResumedBeforeItsOperationEnds) {
    asio::cancellation_signal signal;
    bool done = false;
    asio::co_spawn(
        context_, read_pipe(),
        asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr&) { done = true; }));
    settle();
    signal.emit(asio::cancellation_type::terminal);
    settle();
    EXPECT_FALSE(done) << "the kernel may still write into its frame";
    write_pipe();
    context_.restart();
    context_.run();
    EXPECT_TRUE(done);
    EXPECT_EQ(byte_, 'x');
    EXPECT_EQ(pipe_result_, 1);
}

TEST_F(RingEngineTest, TheDropWaitsForWhatIsInFlight) {
    bool dropped = false;
    asio::co_spawn(context_, read_pipe(), asio::detached);
    settle();
    asio::co_spawn(context_, ring_.async_drop(), [&](const std::exception_ptr& error) {
        EXPECT_EQ(describe(error), "no error");
        dropped = true;
    });
    settle();
    EXPECT_FALSE(dropped);
    write_pipe();
    context_.restart();
    context_.run();
    EXPECT_TRUE(dropped);
    EXPECT_EQ(pipe_result_, 1);
}

TEST_F(RingEngineTest, WhatTheKernelDoesNotFinishIsAbandonedByName) {
    ring_->abandon_after(std::chrono::milliseconds(1));
    asio::co_spawn(context_, read_pipe(), asio::detached);
    settle();
    const std::exception_ptr failure = failure_of([&] { run(ring_.async_drop()); });
    EXPECT_EQ(errno_of(failure), std::errc::timed_out);
    EXPECT_THAT(describe(failure), testing::HasSubstr("abandoned are 1 operations: read of pipe:"));
    EXPECT_EQ(pipe_result_, -1);
    // The kernel still reads: let it go before the memory it writes to is another test's.
    write_pipe();
    char none = 0;
    ::fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
    while (byte_ != 'x') ASSERT_EQ(::read(pipe_[0], &none, 0), 0);
}

TEST(OpenIoEngine, WhereIoUringIsForbiddenWorkersDoTheSame) {
    // A container's seccomp filter answers EPERM. It cannot be taken off again: in a process of its own.
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        sock_filter program[] = {
            {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},  // the call's number
            {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_io_uring_setup},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
        };
        const sock_fprog filter{4, program};
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
            ::_exit(2);
        asio::io_context context;
        auto pool = WorkerPool::make(1);
        std::string unusable;
        auto engine = open_io_engine(context.get_executor(), *pool, &unusable);
        const bool right = engine->name() == "worker threads" &&
                           unusable == "io_uring cannot be used here: Operation not permitted";
        test_support::run_coroutine(context, engine.async_drop());
        test_support::run_coroutine(context, pool.async_drop());
        ::_exit(right ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace demofs::store
