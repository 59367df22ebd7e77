#pragma once
// The guarded type the snippets make mistakes with.
#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>

class File {
  public:
    explicit File(asyncdrop::Passkey<File>) {}
    File(File&&) noexcept = default;
    int read() const { return 1; }
    boost::asio::awaitable<void> async_drop_impl() { co_return; }
};

inline asyncdrop::AsyncDropGuard<File> open_file() {
    return asyncdrop::make_guard<File>();
}
