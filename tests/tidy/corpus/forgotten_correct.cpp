// Guards that are dropped on every path, in ways that look as if they were not. No finding here.
#include "resources.hpp"

namespace corpus {

asio::awaitable<void> straight() {
    auto file = co_await open("a");
    co_await file->read();
    co_await file.async_drop();
}

asio::awaitable<void> with_two_steps() {
    auto file = co_await open("a");
    auto dropping = file.async_drop();
    co_await asyncdrop::even_if_cancelled;
    co_await std::move(dropping);
}

asio::awaitable<std::string> by_hand(AsyncDropGuard<File> file) {
    if (file->size() == 0) {
        co_await asyncdrop::even_if_cancelled;
        co_await file.async_drop();
        throw std::runtime_error("empty");
    }
    std::exception_ptr failure;
    try {
        co_await file->read();
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    co_await file.async_drop();
    if (failure) std::rethrow_exception(failure);
    co_return "read";
}

asio::awaitable<AsyncDropGuard<File>> given_back() {
    auto file = co_await open("a");
    std::exception_ptr failure;
    try {
        co_await file->read();
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return file;
    co_await file.async_drop();
    std::rethrow_exception(failure);
}

asio::awaitable<AsyncDropGuard<File>> given_back_in_the_end() {
    auto file = co_await open("a");
    std::exception_ptr failure;
    try {
        co_await file->read();
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure != nullptr) {
        co_await file.async_drop();
        std::rethrow_exception(failure);
    }
    co_return std::move(file);
}

AsyncDropGuard<File> returned() {
    auto file = make_file();
    return file;
}

AsyncDropBox<File> returned_as_a_box() {
    auto file = make_file();
    return std::move(file).into_box();
}

asio::awaitable<void> bracket() {
    auto file = co_await open("a");
    auto use = [](File& opened) { return opened.read(); };
    co_await asyncdrop::with_async_drop(file, use);
}

asio::awaitable<void> several() {
    auto a = co_await open("a");
    auto b = co_await open("b");
    auto c = co_await open("c");
    auto d = co_await open("d");
    co_await asyncdrop::drop_in_order(a, b);
    co_await asyncdrop::drop_concurrently(c, d);
}

asio::awaitable<void> handed_on() {
    auto file = co_await open("a");
    co_await consume(std::move(file));
}

asio::awaitable<void> handed_by_reference() {
    auto file = co_await open("a");
    co_await finish(file);  // somebody else's duty
}

asio::awaitable<void> asked_before(bool cached) {
    AsyncDropGuard<File> file;
    if (!cached) file = co_await open("a");
    if (file) co_await file.async_drop();
}

asio::awaitable<void> asked_whether_dropped(bool early) {
    auto file = co_await open("a");
    if (early) co_await file.async_drop();
    work();
    if (!file.is_dropped()) co_await file.async_drop();
}

asio::awaitable<void> remembered(bool early) {
    auto file = co_await open("a");
    bool done = false;
    if (early) {
        co_await file.async_drop();
        done = true;
    }
    work();
    if (!done) co_await file.async_drop();
}

asio::awaitable<void> condition_asked_twice(bool cached) {
    AsyncDropGuard<File> file;
    if (!cached) {
        file = co_await open("a");
    }
    work();
    if (!cached) co_await file.async_drop();
}

asio::awaitable<void> same_condition_twice(const bool early) {
    auto file = co_await open("a");
    if (early) co_await file.async_drop();
    work();
    if (!early) co_await consume(std::move(file));
}

asio::awaitable<void> until_it_works() {
    while (true) {
        auto file = co_await open("a");
        const int length = co_await file->read();
        co_await file.async_drop();
        if (length > 0) co_return;
    }
}

asio::awaitable<void> refilled(int rounds) {
    AsyncDropGuard<File> file;
    for (int round = 0; round < rounds; ++round) {
        file = co_await open("a");
        co_await file.async_drop();
    }
}

asio::awaitable<void> every_case(int kind) {
    auto file = co_await open("a");
    switch (kind) {
        case 0:
            co_await file.async_drop();
            break;
        case 1:
            co_await consume(std::move(file));
            co_return;
        default:
            co_await finish(file);
    }
}

asio::awaitable<void> by_a_lambda() {
    auto file = co_await open("a");
    auto close = [&]() -> asio::awaitable<void> { co_await file.async_drop(); };
    co_await close();
}

asio::awaitable<void> shares() {
    AsyncDropArc<File> first(make_file());
    auto second = first.clone();
    if (!first.try_release()) co_await first.async_drop();
    co_await second.async_drop_and_wait();
}

asio::awaitable<AsyncDropGuard<File>> on_a_stack() {
    asyncdrop::AsyncDropStack built;
    auto build = [](asyncdrop::AsyncDropStack& stack) -> asio::awaitable<AsyncDropGuard<File>> {
        auto opened = co_await open("a");
        auto& file = stack.own(std::move(opened));
        co_await file->read();
        co_return std::move(file);
    };
    auto file = co_await asyncdrop::with_async_drop(built, build);
    co_return file;
}

asio::awaitable<void> watched() {
    asyncdrop::AsyncDropStack built;
    auto file = co_await open("a");
    built.watch(file);
    co_await wait();
    co_await built.async_drop();
}

asio::awaitable<void> released() {
    asyncdrop::AsyncDropStack built;
    auto opened = co_await open("a");
    auto& file = built.own(std::move(opened));
    co_await consume(std::move(file));
    built.release();
}

asio::awaitable<void> empty_ones() {
    AsyncDropGuard<File> never_filled;
    asyncdrop::AsyncDropStack nothing_in_it;
    co_await wait();
}

class Keeper {
  public:
    explicit Keeper(AsyncDropGuard<File> file) : file_(std::move(file)) {}
    asio::awaitable<void> async_drop_impl() { return file_.async_drop(); }

  private:
    AsyncDropGuard<File> file_;
};

void kept_somewhere(std::vector<AsyncDropGuard<File>>& files, std::optional<AsyncDropGuard<File>>& last) {
    auto file = make_file();
    files.push_back(std::move(file));
    auto other = make_file();
    last.emplace(std::move(other));
    auto third = make_file();
    keep(std::move(third));
}

void captured(std::vector<AsyncDropGuard<File>>& files) {
    auto file = make_file();
    auto later = [&files, mine = std::move(file)]() mutable { files.push_back(std::move(mine)); };
    later();
}

asio::awaitable<void> taken_apart() {
    auto [first, second] = std::tuple(make_file(), make_file());
    co_await asyncdrop::drop_in_order(first, second);
}

asio::awaitable<void> keeps_other_name() {
    auto file = co_await open("a");
    auto& same = file;
    co_await same.async_drop();
}

asio::awaitable<void> by_its_own_type(bool early) {
    auto buffer = make_file();
    const bool wanted = early && buffer->size() > 0;
    if (wanted) {
        co_await buffer.async_drop();
        co_return;
    }
    co_await buffer.async_drop();
}

asio::awaitable<void> conditional_move(bool first) {
    auto file = co_await open("a");
    auto& target = file;
    auto moved = first ? std::move(file) : std::move(target);
    co_await moved.async_drop();
}

template <class T>
asio::awaitable<void> in_a_template() {
    auto value = make_file();
    if constexpr (sizeof(T) == 1) {
        co_await value.async_drop();
    } else {
        keep(std::move(value));
    }
}
template asio::awaitable<void> in_a_template<char>();
template asio::awaitable<void> in_a_template<int>();

asio::awaitable<void> answer_kept(bool early) {
    auto file = co_await open("a");
    if (early) co_await file.async_drop();
    const bool alive = static_cast<bool>(file);
    work();
    if (alive) co_await file.async_drop();
}

void expect(bool condition);

asio::awaitable<void> asserted_to_be_empty() {
    auto file = make_file();
    expect(!file);
    co_return;
}

asio::awaitable<void> without_a_way_back(bool broken) {
    auto file = co_await open("a");
    if (broken) std::terminate();
    co_await file.async_drop();
}

}  // namespace corpus
