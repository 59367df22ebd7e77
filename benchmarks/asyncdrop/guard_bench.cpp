// One resource: a guard and its drop, a box, synchronous cleanup, the cancellation shield.
#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <vector>

#include "by_hand.hpp"
#include "cases.hpp"

namespace asyncdrop_bench {
namespace {

// --- guard ---

template <Cleanup cleanup>
asio::awaitable<void> guard(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        auto connection = connect<cleanup>(wire);
        connection->say("hello");
        co_await connection.async_drop();
    }
    benchmark::DoNotOptimize(wire);
}

template <class Hand>
asio::awaitable<void> close_by_hand(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        Hand connection(wire);
        wire.send("hello");
        co_await connection.close();
    }
    benchmark::DoNotOptimize(wire);
}

constexpr Cleanup at_once = Cleanup::ends_at_once;
constexpr Cleanup turn = Cleanup::takes_a_turn;

const Case guard_at_once("guard, cleanup ends at once", 1.2, guard<at_once>,
                         close_by_hand<HandConnection<at_once>>);
const Case guard_turn("guard, cleanup takes a turn", 1.2, guard<turn>, close_by_hand<HandConnection<turn>>);
const Case guard_flat("guard, cleanup takes a turn, twin in one frame", 0, guard<turn>,
                      close_by_hand<FlatConnection<turn>>);
const Case guard_flat_at_once("guard, cleanup ends at once, twin in one frame", 0, guard<at_once>,
                              close_by_hand<FlatConnection<at_once>>);

// --- box ---

asio::awaitable<void> box(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        auto connection = asyncdrop::make_box<Connection<at_once>>(wire);
        connection->say("hello");
        co_await connection.async_drop();
    }
    benchmark::DoNotOptimize(wire);
}

class Closable {
  public:
    Closable() = default;
    Closable(const Closable&) = delete;
    Closable& operator=(const Closable&) = delete;
    virtual ~Closable() = default;
    virtual void say(std::string_view text) = 0;
    virtual asio::awaitable<void> close() = 0;
};

class HeapConnection final : public Closable {
  public:
    explicit HeapConnection(Wire& wire) : connection_(wire) {}
    void say(std::string_view text) override { connection_.say(text); }
    asio::awaitable<void> close() override { return connection_.close(); }

  private:
    HandConnection<at_once> connection_;
};

std::unique_ptr<Closable> connect_on_heap(Wire& wire) {
    return std::make_unique<HeapConnection>(wire);
}

asio::awaitable<void> box_by_hand(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        const std::unique_ptr<Closable> connection = connect_on_heap(wire);
        connection->say("hello");
        co_await connection->close();
    }
    benchmark::DoNotOptimize(wire);
}

const Case box_case("box", 0, box, box_by_hand);

// --- errors as values ---

using Closed = boost::system::result<void>;

/// A cleanup that fails every time, without an exception.
asio::awaitable<Closed> fail_to_say_goodbye(Wire& wire) {
    wire.send("goodby");
    co_return boost::system::error_code(boost::system::errc::broken_pipe, boost::system::generic_category());
}

class Broken {
  public:
    Broken(asyncdrop::Passkey<Broken>, Wire& wire) noexcept : wire_(&wire) {}
    Broken(Broken&&) noexcept = default;
    asio::awaitable<Closed> async_drop_impl() { return fail_to_say_goodbye(*wire_); }

  private:
    Wire* wire_;
};

class HandBroken {
  public:
    explicit HandBroken(Wire& wire) noexcept : wire_(&wire) {}
    asio::awaitable<Closed> close() {
        if (closed_) co_return Closed();
        closed_ = true;
        asio::awaitable<Closed> goodbye = fail_to_say_goodbye(*wire_);
        co_return co_await std::move(goodbye);
    }

  private:
    Wire* wire_;
    bool closed_ = false;
};

asio::awaitable<void> fail_guarded(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        auto broken = asyncdrop::make_guard<Broken>(wire);
        const auto result = co_await broken.try_async_drop();
        benchmark::DoNotOptimize(result.has_error());
    }
}

asio::awaitable<void> fail_by_hand(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        HandBroken broken(wire);
        const auto result = co_await broken.close();
        benchmark::DoNotOptimize(result.has_error());
    }
}

const Case result_case("guard, cleanup returns an error value", 0, fail_guarded, fail_by_hand);

// --- synchronous cleanup ---

/// A buffer from the heap, filled: what the smallest resources of real programs are. Not inlined, so that
/// both sides run the same instructions.
[[gnu::noinline]] std::uint64_t* acquire_buffer() {
    auto* const buffer = new std::uint64_t[64];
    for (std::size_t i = 0; i < 64; ++i) buffer[i] = i;
    benchmark::DoNotOptimize(buffer);
    return buffer;
}

[[gnu::noinline]] void release_buffer(std::uint64_t* buffer) noexcept {
    benchmark::DoNotOptimize(buffer);
    delete[] buffer;
}

class Buffer {
  public:
    explicit Buffer(asyncdrop::Passkey<Buffer>) : data_(acquire_buffer()) {}
    Buffer(Buffer&&) noexcept = default;
    void async_drop_impl() noexcept { release_buffer(data_); }

  private:
    std::uint64_t* data_;
};

class HandBuffer {
  public:
    HandBuffer() : data_(acquire_buffer()) {}
    HandBuffer(HandBuffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    HandBuffer& operator=(HandBuffer&&) = delete;
    ~HandBuffer() {
        if (data_) release_buffer(data_);
    }

  private:
    std::uint64_t* data_;
};

void sync_drop(benchmark::State& state) {
    for (auto _ : state) {
        auto buffer = asyncdrop::make_guard<Buffer>();
        buffer.drop_now();
    }
}

void destructor(benchmark::State& state) {
    for (auto _ : state) {
        const HandBuffer buffer;
    }
}

const Case sync_case("synchronous cleanup of a buffer", 1.2, sync_drop, destructor);

/// The cheapest cleanup there is: a number.
class Seat {
  public:
    Seat(asyncdrop::Passkey<Seat>, std::uint64_t& taken) noexcept : taken_(&taken) { ++taken; }
    Seat(Seat&&) noexcept = default;
    void async_drop_impl() noexcept { --*taken_; }

  private:
    std::uint64_t* taken_;
};

class HandSeat {
  public:
    explicit HandSeat(std::uint64_t& taken) noexcept : taken_(&taken) { ++taken; }
    HandSeat(HandSeat&& other) noexcept : taken_(std::exchange(other.taken_, nullptr)) {}
    HandSeat& operator=(HandSeat&&) = delete;
    ~HandSeat() {
        if (taken_) --*taken_;
    }

  private:
    std::uint64_t* taken_;
};

void count_guarded(benchmark::State& state) {
    std::uint64_t taken = 0;
    for (auto _ : state) {
        auto seat = asyncdrop::make_guard<Seat>(taken);
        benchmark::DoNotOptimize(taken);
        seat.drop_now();
    }
}

void count_by_hand(benchmark::State& state) {
    std::uint64_t taken = 0;
    for (auto _ : state) {
        const HandSeat seat(taken);
        benchmark::DoNotOptimize(taken);
    }
}

const Case count_case("synchronous cleanup of a counter", 0, count_guarded, count_by_hand);

// --- the shield ---

asio::awaitable<void> shield_by_hand(benchmark::State& state) {
    Wire wire;
    for (auto _ : state) {
        HandConnection<at_once> connection(wire);
        connection.say("hello");
        co_await close_shielded(connection);
    }
    benchmark::DoNotOptimize(wire);
}

const Case shield_case("guard, shielded from a connected slot", 1.2, guard<at_once>, shield_by_hand,
                       Slot::connected);

}  // namespace
}  // namespace asyncdrop_bench
