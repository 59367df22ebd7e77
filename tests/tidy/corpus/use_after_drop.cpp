// Guards that are used after their drop, and some that only look so.
#include "resources.hpp"

namespace corpus {

// [snippet: used]
asio::awaitable<int> uses_it_afterwards() {
    auto file = co_await open("a");
    co_await file.async_drop();
    co_return file->size();  // expect: asyncdrop-use-after-drop
}
// [end]

asio::awaitable<void> by_reference(AsyncDropGuard<File>& file) {
    co_await file.async_drop();
    co_await (*file).read();  // expect: asyncdrop-use-after-drop
}

asio::awaitable<void> on_one_way(bool early) {
    auto file = co_await open("a");
    if (early) co_await file.async_drop();
    const int size = file->size();  // expect: asyncdrop-use-after-drop
    if (size == 0) work();
    co_await file.async_drop();
}

asio::awaitable<void> in_the_next_round(int rounds) {
    auto file = co_await open("a");
    while (rounds-- > 0) {
        co_await file->read();                              // expect: asyncdrop-use-after-drop
        if (file->size() == 0) co_await file.async_drop();  // expect: asyncdrop-use-after-drop
    }
    co_await file.async_drop();
}

asio::awaitable<void> after_the_bracket() {
    auto file = co_await open("a");
    auto use = [](File&) {};
    co_await asyncdrop::with_async_drop(file, use);
    co_await file->read();  // expect: asyncdrop-use-after-drop
}

asio::awaitable<void> clone_of_a_dropped_share() {
    AsyncDropArc<File> first(make_file());
    co_await first.async_drop();
    auto second = first.clone();  // expect: asyncdrop-use-after-drop
    co_await second.async_drop();
}

asio::awaitable<void> in_a_handler() {
    auto file = co_await open("a");
    try {
        co_await file.async_drop();
    } catch (const std::exception&) {
        static_cast<void>(file->size());  // expect: asyncdrop-use-after-drop
    }
}

class Writer {
  public:
    asio::awaitable<void> close() {
        co_await file_.async_drop();
        co_await file_->write("the end");  // expect: asyncdrop-use-after-drop
    }
    asio::awaitable<void> reopen() {
        co_await file_.async_drop();
        file_ = co_await open("b");
        co_await file_->write("the beginning");
    }
    asio::awaitable<void> close_and_wait() {
        co_await file_.async_drop();
        co_await wait();  // somebody may reopen it meanwhile
        if (file_) co_await file_->write("the end");
    }

  private:
    AsyncDropGuard<File> file_;
};

asio::awaitable<void> filled_again() {
    auto file = co_await open("a");
    co_await file.async_drop();
    file = co_await open("b");
    co_await file->read();
    co_await file.async_drop();
}

asio::awaitable<void> left_after_the_drop(int rounds) {
    auto file = co_await open("a");
    while (rounds-- > 0) {
        co_await file->read();
        if (file->size() == 0) {
            co_await file.async_drop();
            co_return;
        }
    }
    co_await file.async_drop();
}

asio::awaitable<void> asked_before_the_use(bool early) {
    auto file = co_await open("a");
    if (early) co_await file.async_drop();
    if (file) co_await file->read();
    if (!file.is_dropped()) co_await file->read();
    co_await file.async_drop();
}

asio::awaitable<void> asked_afterwards() {
    auto file = co_await open("a");
    co_await file.async_drop();
    co_await file.async_drop();
    if (file.is_dropped()) work();
}

asio::awaitable<void> silenced_use() {
    auto file = co_await open("a");
    co_await file.async_drop();
    co_await file->read();  // NOLINT(asyncdrop-use-after-drop): shows that NOLINT works
}

}  // namespace corpus
