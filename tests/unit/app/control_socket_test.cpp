#include "demofs/app/control_socket.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "demofs/app/runtime_folder.hpp"
#include "demofs/base/error.hpp"
#include "tests/support/run_coroutine.hpp"

namespace demofs::app {
namespace {

namespace asio = boost::asio;

constexpr auto never = ControlClient::Clock::time_point::max();

// A name that no other test process uses at the same time.
std::string mount_point() {
    return "/tmp/control-socket-test-" + std::to_string(::getpid());
}

asio::awaitable<void> drop(asyncdrop::AsyncDropBox<ControlServer>& server) {
    co_await server.async_drop();
}

asio::awaitable<std::string> flushed() {
    co_return "{\"files\":3}";
}

ControlAnswers answers() {
    ControlAnswers answers;
    answers.status = [] { return std::string("{\"open\":7}"); };
    answers.flush = flushed;
    return answers;
}

bool has_socket(const std::string& mounted_on) {
    for (const RuntimeFolder& folder : runtime_folders(RuntimePlaces::of(::geteuid()))) {
        const std::vector<std::string> names = folder.entries();
        if (std::find(names.begin(), names.end(), socket_name(mounted_on)) != names.end()) return true;
    }
    return false;
}

TEST(ControlSocket, HasNobodyToTalkToWithoutADaemon) {
    EXPECT_FALSE(ControlClient::connect(mount_point()));
}

TEST(ControlSocket, IsRefusedToASecondDaemon) {
    asio::io_context context(1);
    auto server = ControlServer::make(mount_point(), answers(), context.get_executor());
    EXPECT_THROW(static_cast<void>(ControlServer::make(mount_point(), answers(), context.get_executor())),
                 Error);
    test_support::run_coroutine(context, drop(server));
}

// Daemons of other tests come and go in the same folder, and take away what is dead, too.
TEST(ControlSocket, OfAKilledDaemonIsRemovedByTheNextDaemon) {
    const std::string dead = mount_point() + "-dead";
    const pid_t killed = ::fork();
    ASSERT_GE(killed, 0);
    if (killed == 0) {
        asio::io_context context(1);
        auto server = ControlServer::make(dead, answers(), context.get_executor());
        ::raise(has_socket(dead) ? SIGKILL : SIGABRT);
    }
    int status = 0;
    ::waitpid(killed, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    asio::io_context context(1);
    auto server = ControlServer::make(mount_point(), answers(), context.get_executor());
    EXPECT_TRUE(has_socket(mount_point()));
    EXPECT_FALSE(has_socket(dead));
    test_support::run_coroutine(context, drop(server));
    EXPECT_FALSE(has_socket(mount_point()));
}

asio::awaitable<void> tell_the_first_client(ControlServer& control, asio::steady_timer& over) {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (control.client_count() == 0) {
        pause.expires_after(std::chrono::milliseconds(1));
        co_await pause.async_wait(asio::use_awaitable);
    }
    control.tell("progress", "still writing");
    control.tell("notice", "");
    control.tell("notice", "all saved");
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
        auto server = ControlServer::make(name, answers(), context.get_executor());
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
    while (const auto message = client->next(never)) lines.push_back(message->kind + ":" + message->text);
    EXPECT_EQ(lines, (std::vector<std::string>{"progress:still writing", "notice:", "notice:all saved",
                                               "result:31"}));
    EXPECT_TRUE(client->over());
    EXPECT_TRUE(client->wait_for_end(never));
    ::waitpid(daemon, nullptr, 0);
}

TEST(ControlSocket, EndsWithoutAResultWhenTheDaemonDies) {
    const std::string name = mount_point();  // of this process, not of the child
    const pid_t daemon = ::fork();
    ASSERT_GE(daemon, 0);
    if (daemon == 0) {
        asio::io_context context(1);
        auto server = ControlServer::make(name, answers(), context.get_executor());
        server->start();
        context.run();
        ::_exit(0);
    }
    const auto client = connect_when_there(name, daemon);
    ASSERT_TRUE(client);
    ::kill(daemon, SIGKILL);
    ::waitpid(daemon, nullptr, 0);
    EXPECT_FALSE(client->next(never));
    EXPECT_TRUE(client->over());
}

TEST(ControlSocket, AnswersEachQuestionInTheirOrder) {
    const std::string name = mount_point();  // of this process, not of the child
    const pid_t daemon = ::fork();
    ASSERT_GE(daemon, 0);
    if (daemon == 0) {
        asio::io_context context(1);
        auto server = ControlServer::make(name, answers(), context.get_executor());
        server->start();
        context.run();
        ::_exit(0);
    }
    const auto client = connect_when_there(name, daemon);
    ASSERT_TRUE(client);
    client->ask("nonsense");
    client->ask("status");
    client->ask("flush");
    client->ask("status");
    for (const std::string expected :
         {"status {\"open\":7}", "flushed {\"files\":3}", "status {\"open\":7}"}) {
        const auto answer = client->next(never);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->kind + " " + answer->text, expected);
    }
    EXPECT_FALSE(client->next(ControlClient::Clock::now()));
    EXPECT_FALSE(client->over());
    EXPECT_FALSE(client->wait_for_end(ControlClient::Clock::now()));
    ::kill(daemon, SIGKILL);
    EXPECT_TRUE(client->wait_for_end(never));
    ::waitpid(daemon, nullptr, 0);
}

}  // namespace
}  // namespace demofs::app
