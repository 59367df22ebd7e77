// What the benchmarks clean up: a connection that says goodbye. Once as a guarded type and once as it is
// written without the library, both around the same cleanup, `say_goodbye`.
//
// A cleanup either ends where it is called (the worst case for the library, whose share is then largest) or
// takes one turn of the executor, the least that a real asynchronous cleanup does.
//
// Threads: one strand.
#pragma once

#include <array>
#include <asyncdrop/guard.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace asyncdrop_bench {

namespace asio = boost::asio;

/// The far end: a ring of the bytes that were sent.
class Wire {
  public:
    void send(std::string_view message) noexcept {
        if (end_ + message.size() > bytes_.size()) end_ = 0;
        std::memcpy(bytes_.data() + end_, message.data(), message.size());
        end_ += message.size();
        ++messages_;
    }
    std::size_t messages() const noexcept { return messages_; }

  private:
    std::array<char, 4096> bytes_{};
    std::size_t end_ = 0;
    std::size_t messages_ = 0;
};

enum class Cleanup { ends_at_once, takes_a_turn };

/// The cleanup of all connections here.
template <Cleanup cleanup>
asio::awaitable<void> say_goodbye(Wire& wire) {
    if constexpr (cleanup == Cleanup::takes_a_turn) {
        const auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
    }
    wire.send("goodbye");
    co_return;
}

/// With the library.
template <Cleanup cleanup>
class Connection {
  public:
    Connection(asyncdrop::Passkey<Connection>, Wire& wire) noexcept : wire_(&wire) {}
    Connection(Connection&&) noexcept = default;
    void say(std::string_view text) { wire_->send(text); }
    asio::awaitable<void> async_drop_impl() { return say_goodbye<cleanup>(*wire_); }

  private:
    Wire* wire_;
};

template <Cleanup cleanup>
asyncdrop::AsyncDropGuard<Connection<cleanup>> connect(Wire& wire) {
    return asyncdrop::make_guard<Connection<cleanup>>(wire);
}

/// Without: close() may be called twice, and a moved-from connection is closed.
template <Cleanup cleanup>
class HandConnection {
  public:
    explicit HandConnection(Wire& wire) noexcept : wire_(&wire) {}
    HandConnection(HandConnection&& other) noexcept
        : wire_(other.wire_), closed_(std::exchange(other.closed_, true)) {}
    HandConnection& operator=(HandConnection&&) = delete;

    void say(std::string_view text) { wire_->send(text); }
    asio::awaitable<void> close() {
        if (closed_) co_return;
        closed_ = true;
        asio::awaitable<void> goodbye = say_goodbye<cleanup>(*wire_);
        co_await std::move(goodbye);
    }

  private:
    Wire* wire_;
    bool closed_ = false;
};

/// The least one can write: the cleanup is close() itself, without a coroutine of its own.
template <Cleanup cleanup>
class FlatConnection {
  public:
    explicit FlatConnection(Wire& wire) noexcept : wire_(&wire) {}
    FlatConnection(FlatConnection&& other) noexcept
        : wire_(other.wire_), closed_(std::exchange(other.closed_, true)) {}
    FlatConnection& operator=(FlatConnection&&) = delete;

    asio::awaitable<void> close() {
        if (closed_) co_return;
        closed_ = true;
        if constexpr (cleanup == Cleanup::takes_a_turn) {
            const auto executor = co_await asio::this_coro::executor;
            co_await asio::post(executor, asio::use_awaitable);
        }
        wire_->send("goodbye");
    }

  private:
    Wire* wire_;
    bool closed_ = false;
};

}  // namespace asyncdrop_bench
