#include <asyncdrop/asyncdrop.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <iostream>

namespace asio = boost::asio;

class File {
  public:
    File(asyncdrop::Passkey<File>, std::string name) : name_(std::move(name)) {}
    std::string read() const { return "hello from " + name_; }
    asio::awaitable<void> async_drop_impl() {  // may await, may throw; runs exactly once
        std::cout << "flushed and closed " << name_ << "\n";
        co_return;
    }

  private:
    std::string name_;
};

asio::awaitable<void> run() {
    const auto open = [] { return asyncdrop::make_guard<File>("notes.txt"); };
    const auto print = [](File& file) { std::cout << file.read() << "\n"; };
    co_await asyncdrop::with_async_drop(open, print);  // also after an exception or a cancellation
}

int main() {
    asio::io_context context;
    asio::co_spawn(context, run(), asio::detached);
    context.run();
}
