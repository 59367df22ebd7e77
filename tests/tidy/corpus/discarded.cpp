// Guards and drops that are made and thrown away, and beside each mistake what is right.
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "resources.hpp"

namespace corpus {

// [snippet: discarded]
asio::awaitable<void> throws_the_guard_away() {
    (void)co_await open("a");  // expect: asyncdrop-discarded-guard
}

asio::awaitable<void> throws_the_drop_away(AsyncDropGuard<File>& file) {
    static_cast<void>(file.async_drop());  // expect: asyncdrop-discarded-guard
    co_return;
}
// [end]

asio::awaitable<void> result_of_an_await(bool wanted) {
    if (wanted) static_cast<void>(co_await open("a"));  // expect: asyncdrop-discarded-guard
    std::ignore = make_file();                          // expect: asyncdrop-discarded-guard
    for (int i = 0; i < 2; ++i) (void)make_file();      // expect: asyncdrop-discarded-guard
}

void only_asked() {
    if (make_file()) work();                                // expect: asyncdrop-discarded-guard
    static_cast<void>(make_file().is_dropped());            // expect: asyncdrop-discarded-guard
    inspect(make_file());                                   // expect: asyncdrop-discarded-guard
    static_cast<void>((work(), make_file()).is_dropped());  // expect: asyncdrop-discarded-guard
}

asio::awaitable<void> moved_out_and_lost(std::vector<AsyncDropGuard<File>>& files) {
    static_cast<void>(AsyncDropGuard<File>(std::move(files.back())));  // expect: asyncdrop-discarded-guard
    co_return;
}

asio::awaitable<void> drops_that_never_run(AsyncDropGuard<File>& file, AsyncDropArc<File>& share) {
    std::ignore = share.async_drop_and_wait();  // expect: asyncdrop-discarded-guard
    (void)asyncdrop::drop_in_order(file);       // expect: asyncdrop-discarded-guard
    auto use = [](File&) {};
    static_cast<void>(asyncdrop::with_async_drop(file, use));  // expect: asyncdrop-discarded-guard
    [[maybe_unused]] auto dropping = file.async_drop();        // expect: asyncdrop-discarded-guard
    co_return;
}

// [snippet: race]
asio::awaitable<void> race() {
    using namespace asio::experimental::awaitable_operators;
    auto primary = open("primary");
    auto replica = open("replica");
    auto either = std::move(primary) || std::move(replica);  // expect: asyncdrop-discarded-guard
    auto winner = co_await std::move(either);
    co_await std::get<0>(winner).async_drop();
}
// [end]

asio::awaitable<void> both() {
    using namespace asio::experimental::awaitable_operators;
    auto primary = open("primary");
    auto other = wait();
    auto all = std::move(primary) && std::move(other);  // expect: asyncdrop-discarded-guard
    auto first = co_await std::move(all);
    co_await first.async_drop();
}

asio::awaitable<void> right(AsyncDropGuard<File>& file, AsyncDropGuard<File>& other) {
    using namespace asio::experimental::awaitable_operators;
    auto opened = co_await open("a");
    co_await opened.async_drop();
    keep(make_file());
    co_await consume(make_file());
    inspect(file);
    static_cast<void>(file);
    static_cast<void>(file.is_dropped());
    inspect(AsyncDropGuard<File>());  // empty
    file = make_file();
    auto dropping = file.async_drop();
    co_await std::move(dropping);
    auto box = make_file().into_box();
    co_await box.async_drop();
    auto first = wait();
    auto second = wait();
    auto both_of_them = std::move(first) && std::move(second);
    co_await std::move(both_of_them);
    const bool same = &file == &other;
    static_cast<void>(same);
    (void)make_file();  // NOLINT(asyncdrop-discarded-guard): shows that NOLINT works
}

}  // namespace corpus
