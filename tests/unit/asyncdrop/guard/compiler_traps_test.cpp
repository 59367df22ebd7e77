// Patterns that compilers get wrong in coroutines, written the safe way. Each test counts constructions and
// destructions, so a compiler (or an edit) that brings a trap back is noticed.
//
//   trap                                                     compiler      what to write instead
//   co_await f([v]{...}) with a non-trivial capture          g++ 12        a named lambda
//   an aggregate temporary as argument of an awaited call    g++ 12        a class with a constructor
//   T x = c ? co_await a() : T{}                             g++ 12        if / else
//   co_await inside braced initialisation                    g++ 12, clang named locals
//   a defaulted aggregate argument                           g++ 12        a class with a constructor
//   a long loop over awaits that complete inline             g++ 12 -O0    complete by post
#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <string>
#include <utility>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropGuard;
using asyncdrop::make_guard;
using test_support::run_coroutine;

/// Counts the objects alive; a double destruction makes the count negative, a leak positive.
class Tracked {
  public:
    explicit Tracked(std::string text) : text_(std::move(text)) { ++alive; }
    Tracked(const Tracked& other) : text_(other.text_) { ++alive; }
    Tracked(Tracked&& other) noexcept : text_(std::move(other.text_)) { ++alive; }
    Tracked& operator=(const Tracked&) = default;
    Tracked& operator=(Tracked&&) = default;
    ~Tracked() { --alive; }
    const std::string& text() const { return text_; }

    static inline int alive = 0;

  private:
    std::string text_;
};

class CompilerTraps : public testing::Test {
  protected:
    CompilerTraps() { Tracked::alive = 0; }
    ~CompilerTraps() override { EXPECT_EQ(Tracked::alive, 0); }

    asio::io_context context_;
    Journal log_;
};

const std::string long_text = "a text that does not fit into the small buffer of std::string";

TEST_F(CompilerTraps, NamedLambdasWithNonTrivialCaptures) {
    const auto coroutine = [this]() -> asio::awaitable<void> {
        const Tracked captured(long_text);
        const auto factory = [this, captured] { return make_guard<Resource>(log_, captured.text()); };
        const auto body = [captured](Resource& r) -> asio::awaitable<bool> {
            co_await yield();
            co_return r.name() == captured.text();
        };
        const bool same = co_await asyncdrop::with_async_drop(factory, body);
        EXPECT_TRUE(same);
    };
    run_coroutine(context_, coroutine);
}

/// Options with a constructor instead of an aggregate.
struct Options {
    Options() = default;
    explicit Options(Tracked n) : name(std::move(n)) {}
    Tracked name = Tracked(long_text);
};

asio::awaitable<AsyncDropGuard<Resource>> open_with(
    Journal& log, Options options, asyncdrop::CreationSite site = asyncdrop::CreationSite::here()) {
    co_await yield();
    co_return make_guard<Resource>(log, options.name.text(), site);
}

TEST_F(CompilerTraps, NamedOptionsAndADefaultedSiteAsArgumentsOfAnAwaitedCall) {
    const auto coroutine = [this]() -> asio::awaitable<void> {
        const Options options(Tracked(std::string("given")));
        auto guard = co_await open_with(log_, options);
        EXPECT_EQ(guard->name(), "given");
        EXPECT_GT(guard.creation_site().line(), 0u);
        EXPECT_STREQ(guard.creation_site().file(), __FILE__);
        co_await guard.async_drop();
    };
    run_coroutine(context_, coroutine);
}

asio::awaitable<Tracked> make_tracked(std::string text) {
    co_await yield();
    co_return Tracked(std::move(text));
}

TEST_F(CompilerTraps, IfElseInsteadOfAConditionalWithAnAwaitInIt) {
    const auto coroutine = [](bool await_it) -> asio::awaitable<void> {
        Tracked value("default");
        if (await_it) value = co_await make_tracked(long_text);
        EXPECT_EQ(value.text(), await_it ? long_text : "default");
    };
    run_coroutine(context_, coroutine(true));
    run_coroutine(context_, coroutine(false));
}

struct Pair {
    Tracked first;
    Tracked second;
};

TEST_F(CompilerTraps, NamedLocalsInsteadOfAwaitsInsideBraces) {
    const auto coroutine = []() -> asio::awaitable<void> {
        Tracked first = co_await make_tracked(long_text);
        Tracked second = co_await make_tracked("second");
        const Pair pair{std::move(first), std::move(second)};
        EXPECT_EQ(pair.first.text(), long_text);
        EXPECT_EQ(pair.second.text(), "second");
    };
    run_coroutine(context_, coroutine);
}

TEST_F(CompilerTraps, AFrameThatIsDestroyedWhileSuspendedDestroysEverythingOnce) {
    {
        asio::io_context doomed;
        const auto coroutine = []() -> asio::awaitable<void> {
            Tracked first = co_await make_tracked(long_text);
            Tracked second(long_text);
            co_await yield();
            EXPECT_EQ(first.text(), second.text());
        };
        asio::co_spawn(doomed, coroutine, [](std::exception_ptr) {});
        doomed.run_one();
        doomed.run_one();
    }
    EXPECT_EQ(Tracked::alive, 0);
}

TEST_F(CompilerTraps, LongLoopsOverDropsDoNotGrowTheStack) {
    int cleanups = 0;
    struct Inline {
        explicit Inline(int& c) : count(&c) {}
        asio::awaitable<void> async_drop_impl() {
            ++*count;
            co_return;
        }
        int* count;
    };
    const auto coroutine = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 200'000; ++i) {
            auto guard = make_guard<Inline>(cleanups);
            co_await guard.async_drop();
        }
    };
    run_coroutine(context_, coroutine);
    EXPECT_EQ(cleanups, 200'000);

    Cancellable cancellable;  // the same through the shield
    const auto shielded = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 20'000; ++i) {
            auto guard = make_guard<Inline>(cleanups);
            co_await guard.async_drop();
        }
    };
    cancellable.spawn(context_, shielded);
    EXPECT_FALSE(cancellable.run(context_));
    EXPECT_EQ(cleanups, 220'000);
}

}  // namespace
}  // namespace asyncdrop_test
