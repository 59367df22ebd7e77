// What the corpus works with: a guarded type, its factories, and code that takes guards. Only declared where the
// checks are to make no use of a definition. The corpus is read by clang-tidy, never linked.
#pragma once

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/drop_concurrently.hpp>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace corpus {

namespace asio = boost::asio;
using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;

class File {
  public:
    explicit File(asyncdrop::Passkey<File>) {}
    asio::awaitable<int> read();
    asio::awaitable<void> write(std::string text);
    int size() const noexcept { return 0; }
    asio::awaitable<void> async_drop_impl();
};

AsyncDropGuard<File> make_file();
asio::awaitable<AsyncDropGuard<File>> open(std::string_view name);
asio::awaitable<AsyncDropBox<File>> open_box();
asio::awaitable<void> consume(AsyncDropGuard<File> file);
asio::awaitable<void> finish(AsyncDropGuard<File>& file);
asio::awaitable<void> wait();
void inspect(const AsyncDropGuard<File>& file);
void keep(AsyncDropGuard<File>&& file);
bool ready() noexcept;
void work();

}  // namespace corpus
