#include "demofs/app/control_socket.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "demofs/base/error.hpp"
#include "tests/support/run_coroutine.hpp"

namespace demofs::app {
namespace {

namespace asio = boost::asio;

// A name that no other test process uses at the same time.
std::string mount_point() {
    return "/tmp/control-socket-test-" + std::to_string(::getpid());
}

asio::awaitable<void> drop(asyncdrop::AsyncDropBox<ControlServer>& server) {
    co_await server.async_drop();
}

TEST(ControlSocket, HasNobodyToTalkToWithoutADaemon) {
    EXPECT_FALSE(ControlClient::connect(mount_point()));
}

TEST(ControlSocket, IsRefusedToASecondDaemon) {
    asio::io_context context(1);
    auto server = ControlServer::make(mount_point(), context.get_executor());
    EXPECT_THROW(static_cast<void>(ControlServer::make(mount_point(), context.get_executor())), Error);
    test_support::run_coroutine(context, drop(server));
}

asio::awaitable<void> tell_the_first_client(ControlServer& control, asio::steady_timer& over) {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (control.client_count() == 0) {
        pause.expires_after(std::chrono::milliseconds(1));
        co_await pause.async_wait(asio::use_awaitable);
    }
    control.tell("progress", "still writing");
    control.tell("report", "");
    control.tell("report", "all saved");
    control.tell("result", "31");
    over.cancel();
}

// Tries until the daemon listens; null if it has ended.
std::unique_ptr<ControlClient> connect_when_there(const std::string& name, pid_t daemon) {
    while (::waitpid(daemon, nullptr, WNOHANG) == 0) {
        if (auto client = ControlClient::connect(name)) {
            return std::make_unique<ControlClient>(std::move(*client));
        }
    }
    return nullptr;
}

// The daemon is a process of its own: a client's wait ends only with it.
TEST(ControlSocket, ToldLinesAndTheResultArriveInOrder) {
    const std::string name = mount_point();  // of this process, not of the child
    const pid_t daemon = ::fork();
    ASSERT_GE(daemon, 0);
    if (daemon == 0) {
        asio::io_context context(1);
        auto server = ControlServer::make(name, context.get_executor());
        server->start();
        asio::steady_timer end(context, std::chrono::seconds(60));
        asio::co_spawn(context, tell_the_first_client(*server, end), [](const std::exception_ptr&) {});
        end.async_wait([&context](const boost::system::error_code&) { context.stop(); });
        context.run();
        ::_exit(0);
    }
    const auto client = connect_when_there(name, daemon);
    ASSERT_TRUE(client);
    std::vector<std::string> lines;
    const auto result = client->wait(
        [&](const std::string& kind, const std::string& text) { lines.push_back(kind + ":" + text); });
    EXPECT_EQ(lines, (std::vector<std::string>{"progress:still writing", "report:", "report:all saved"}));
    EXPECT_EQ(result, 31);
    ::waitpid(daemon, nullptr, 0);
}

TEST(ControlSocket, EndsWithoutAResultWhenTheDaemonDies) {
    const std::string name = mount_point();  // of this process, not of the child
    const pid_t daemon = ::fork();
    ASSERT_GE(daemon, 0);
    if (daemon == 0) {
        asio::io_context context(1);
        auto server = ControlServer::make(name, context.get_executor());
        server->start();
        context.run();
        ::_exit(0);
    }
    const auto client = connect_when_there(name, daemon);
    ASSERT_TRUE(client);
    ::kill(daemon, SIGKILL);
    ::waitpid(daemon, nullptr, 0);
    EXPECT_EQ(client->wait([](const std::string&, const std::string&) {}), std::nullopt);
}

}  // namespace
}  // namespace demofs::app
