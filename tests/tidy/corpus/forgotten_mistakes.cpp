// Guards that die alive. Each seeded mistake is marked where the finding must be.
#include "resources.hpp"

namespace corpus {

asio::awaitable<void> never_dropped() {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    co_await file->read();
}

// [snippet: early_return]
asio::awaitable<int> early_return(bool cached) {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    if (cached) co_return 0;
    const int length = co_await file->read();
    co_await file.async_drop();
    co_return length;
}
// [end]

int early_return_of_a_function(bool cached) {
    auto file = make_file();  // expect: asyncdrop-forgotten-drop
    if (cached) return 0;
    keep(std::move(file));
    return 1;
}

// [snippet: loop]
asio::awaitable<void> skips_a_round(int rounds) {
    for (int round = 0; round < rounds; ++round) {
        auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
        if (file->size() == 0) continue;
        co_await file.async_drop();
    }
}
// [end]

asio::awaitable<void> breaks_off(int rounds) {
    while (rounds-- > 0) {
        auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
        if (file->size() == 0) break;
        co_await file.async_drop();
    }
}

asio::awaitable<void> breaks_a_range_off(std::vector<int> numbers) {
    for (const int number : numbers) {
        auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
        if (number == file->size()) break;
        co_await file.async_drop();
    }
}

asio::awaitable<void> do_while_skips(int rounds) {
    do {
        auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
        if (file->size() == 0) continue;
        co_await file.async_drop();
    } while (rounds-- > 0);
}

asio::awaitable<void> one_case_forgets(int kind) {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    switch (kind) {
        case 0:
            co_await file.async_drop();
            break;
        case 1:
            co_await consume(std::move(file));
            break;
        default:
            break;
    }
}

asio::awaitable<void> case_returns(int kind) {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    switch (kind) {
        case 0:
            co_return;
        default:
            break;
    }
    co_await file.async_drop();
}

// [snippet: thrown]
asio::awaitable<void> throws_on_the_way(int limit) {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    if (file->size() > limit) throw std::runtime_error("too long");
    co_await file.async_drop();
}
// [end]

asio::awaitable<void> rethrows_on_the_way(std::exception_ptr failure) {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    if (failure) std::rethrow_exception(failure);
    co_await file.async_drop();
}

asio::awaitable<void> handler_returns() {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    try {
        co_await file->read();
    } catch (const std::exception&) {
        co_return;
    }
    co_await file.async_drop();
}

asio::awaitable<void> drop_at_the_end_of_a_try() {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    try {
        co_await file->read();
        co_await file.async_drop();
    } catch (const std::exception&) {
        work();
    }
}

// [snippet: overwritten]
asio::awaitable<void> overwrites() {
    auto file = co_await open("a");
    file = co_await open("b");  // expect: asyncdrop-forgotten-drop
    co_await file.async_drop();
}
// [end]

asio::awaitable<void> overwrites_in_a_loop(int rounds) {
    AsyncDropGuard<File> file;
    for (int round = 0; round < rounds; ++round)
        file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    co_await file.async_drop();
}

// [snippet: parameter]
asio::awaitable<void> by_value(AsyncDropGuard<File> file) {  // expect: asyncdrop-forgotten-drop
    co_await file->read();
}
// [end]

asio::awaitable<void> without_a_name(AsyncDropGuard<File>) {  // expect: asyncdrop-forgotten-drop
    co_return;
}

void by_value_to_a_function(AsyncDropGuard<File> file) {  // expect: asyncdrop-forgotten-drop
    inspect(file);
}

class Holder {
  public:
    explicit Holder(AsyncDropGuard<File> file, bool wanted) {  // expect: asyncdrop-forgotten-drop
        if (wanted) file_ = std::move(file);
    }
    asio::awaitable<void> async_drop_impl() { return file_.async_drop(); }

  private:
    AsyncDropGuard<File> file_;
};

// [snippet: returned]
asio::awaitable<void> returns_the_awaitable() {
    auto file = make_file();  // expect: asyncdrop-forgotten-drop
    return file.async_drop();
}
// [end]

asio::awaitable<void> returns_the_bracket() {
    auto file = make_file();  // expect: asyncdrop-forgotten-drop
    auto use = [](File&) {};
    return asyncdrop::with_async_drop(file, use);
}

asio::awaitable<void> box() {
    auto file = co_await open_box();  // expect: asyncdrop-forgotten-drop
    co_await file->read();
}

asio::awaitable<void> share_kept() {
    AsyncDropArc<File> first(make_file());
    auto second = first.clone();  // expect: asyncdrop-forgotten-drop
    co_await second->read();
    co_await first.async_drop();
}

asio::awaitable<void> last_share(bool last) {
    AsyncDropArc<File> file(make_file());  // expect: asyncdrop-forgotten-drop
    if (last && file.try_release()) co_return;
}

asio::awaitable<void> stack() {
    asyncdrop::AsyncDropStack built;  // expect: asyncdrop-forgotten-drop
    auto opened = co_await open("a");
    built.own(std::move(opened));
    co_await wait();
}

asio::awaitable<void> moved_on_one_way_only(bool wanted) {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    if (wanted) co_await consume(std::move(file));
}

asio::awaitable<void> other_name() {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    auto& same = file;
    co_await same->read();
}

asio::awaitable<void> kept_by_a_reference() {
    auto&& file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    co_await file->read();
}

asio::awaitable<void> only_looked_at_by_a_lambda() {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    auto size = [&file] { return file->size(); };
    if (size() == 0) co_return;
    co_await file.async_drop();
}

asio::awaitable<void> second_of_a_pair() {
    auto [first, second] = std::tuple(make_file(), make_file());  // expect: asyncdrop-forgotten-drop
    co_await first.async_drop();
    co_await second->read();
}

asio::awaitable<void> asks_the_wrong_way_round() {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    if (file.is_dropped()) co_await file.async_drop();
}

asio::awaitable<void> one_of_two(bool first) {
    auto a = co_await open("a");  // expect: asyncdrop-forgotten-drop
    auto b = co_await open("b");  // expect: asyncdrop-forgotten-drop
    if (first) {
        co_await a.async_drop();
    } else {
        co_await b.async_drop();
    }
}

asio::awaitable<void> flag_of_another(bool cached) {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    bool done = false;
    if (cached) {
        done = true;
    } else {
        co_await file.async_drop();
        done = true;
    }
    if (!done) co_await file.async_drop();
}

template <class T>
asio::awaitable<void> in_a_template(bool cached) {
    AsyncDropGuard<T> value = make_file();  // expect: asyncdrop-forgotten-drop
    if (cached) co_return;
    co_await value.async_drop();
}
template asio::awaitable<void> in_a_template<File>(bool);

auto in_a_lambda = [](bool cached) -> asio::awaitable<void> {
    auto file = co_await open("a");  // expect: asyncdrop-forgotten-drop
    if (cached) co_return;
    co_await file.async_drop();
};

asio::awaitable<void> silenced() {
    auto file = co_await open("a");  // NOLINT(asyncdrop-forgotten-drop): shows that NOLINT works
    co_await file->read();
}

}  // namespace corpus
