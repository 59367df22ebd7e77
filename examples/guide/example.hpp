// What the guide's examples share: a resource to guard, a list of what happened to it, and ways to run an
// example and to check its effect.
//
// The regions marked "[snippet: ...]" are what the documentation shows (scripts/snippets).
//
// Threads: each program runs its examples one after the other on one thread.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asyncdrop/asyncdrop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guide {

namespace asio = boost::asio;
using asyncdrop::AsyncDropGuard;
using asyncdrop::CreationSite;
using asyncdrop::Passkey;

/// What happened, in order.
inline std::vector<std::string> events;

inline void note(std::string event) {
    events.push_back(std::move(event));
}

/// Ends the program if an example does not do what the guide says.
inline void expect(bool holds, CreationSite site = CreationSite::here()) {
    if (holds) return;
    std::fprintf(stderr, "%s:%u: the example does not do what the guide says\n", site.file(),
                 static_cast<unsigned>(site.line()));
    for (const std::string& event : events) std::fprintf(stderr, "  it did: %s\n", event.c_str());
    std::exit(1);
}

/// Expects exactly these events since the last call, and forgets them.
inline void expect_events(std::initializer_list<std::string_view> expected,
                          CreationSite site = CreationSite::here()) {
    expect(std::vector<std::string>(expected.begin(), expected.end()) == events, site);
    events.clear();
}

/// One turn of the event loop, as a network's answer would take.
inline asio::awaitable<void> round_trip() {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
}

// [snippet: connection]
class Connection {
  public:
    // Only a guard can make one: the constructor is public, but nobody else has a Passkey.
    Connection(Passkey<Connection>, std::string_view name) : name_(name) {}
    Connection(Connection&&) noexcept = default;

    // The factory returns a guard, never a plain Connection. `site` makes reports name the caller's line.
    static asio::awaitable<AsyncDropGuard<Connection>> open(std::string_view name,
                                                            CreationSite site = CreationSite::here()) {
        co_await round_trip();
        if (name == "unreachable") throw std::runtime_error("cannot reach the server");
        note("open " + std::string(name));
        co_return asyncdrop::make_guard<Connection>(name, site);
    }

    asio::awaitable<std::string> query(std::string_view question) {
        co_await round_trip();
        if (question == "nonsense") throw std::runtime_error("the server does not understand");
        co_return "answer to " + std::string(question);
    }

    // The destructor that can wait. It runs once; the object is destroyed afterwards, also if this throws.
    asio::awaitable<void> async_drop_impl() {
        co_await round_trip();
        note("close " + name_);
        if (name_ == "flaky") throw std::runtime_error("the server did not say goodbye");
    }

    const std::string& name() const { return name_; }

  private:
    std::string name_;
};
// [end]

/// Runs an example to its end; throws what it throws.
inline void run(asio::awaitable<void> example) {
    asio::io_context context(1);
    asyncdrop::install(context);
    std::exception_ptr failure;
    asio::co_spawn(context, std::move(example), [&](std::exception_ptr error) { failure = error; });
    context.run();
    if (failure) std::rethrow_exception(failure);
}

/// Runs an example that fails, and returns its message.
inline std::string failure_of(asio::awaitable<void> example) {
    try {
        run(std::move(example));
    } catch (const std::exception& error) {
        return error.what();
    }
    return "it did not fail";
}

/// Prints a section that the documentation quotes.
inline void print_section(std::string_view name, std::string_view text) {
    std::printf("== %.*s\n%.*s", static_cast<int>(name.size()), name.data(), static_cast<int>(text.size()),
                text.data());
    if (!text.empty() && text.back() != '\n') std::printf("\n");
    std::fflush(stdout);
}

/// Runs a function in a process of its own and returns what it wrote to standard error; a line more if it was
/// aborted. Ends the program if it died in another way.
template <class Function>
std::string messages_of(Function function) {
    int ends[2];
    expect(pipe(ends) == 0);
    std::fflush(nullptr);
    const pid_t child = fork();
    expect(child >= 0);
    if (child == 0) {
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(ends[1], STDERR_FILENO);
        function();
        _exit(0);
    }
    close(ends[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
        text.append(buffer, static_cast<std::size_t>(got));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) {
        text += "(the program is aborted)\n";
    } else {
        expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    return text;
}

/// Prints as a section what an example's mistake makes the library say.
inline void capture(std::string_view name, asio::awaitable<void> (*mistake)()) {
    const std::string text = messages_of([mistake] { run(mistake()); });
    print_section(name, text);
}

}  // namespace guide
