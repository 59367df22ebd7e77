#include "demofs/store/fault_plan.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <charconv>
#include <utility>

#include "demofs/base/error.hpp"

namespace demofs::store {

namespace {

constexpr std::uint64_t longest_delay_ms = 3'600'000;

[[noreturn]] void refuse(std::string_view spec, const std::string& why) {
    throw Error::saying(std::errc::invalid_argument,
                        "\"" + std::string(spec) + "\" is no fault of a store: " + why);
}

std::optional<OperationKind> operation_of(std::string_view word) {
    constexpr std::array<std::pair<std::string_view, OperationKind>, 8> names{
        {{"create", OperationKind::create},
         {"write", OperationKind::append},
         {"sync", OperationKind::sync},
         {"seal", OperationKind::seal},
         {"read", OperationKind::read},
         {"list", OperationKind::list},
         {"remove", OperationKind::remove},
         {"space", OperationKind::space}}};
    for (const auto& [name, kind] : names) {
        if (word == name) return kind;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> number_in(std::string_view word) {
    std::uint64_t number = 0;
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc() || stop != end) return std::nullopt;
    return number;
}

}  // namespace

Fault parse_fault(std::string_view spec) {
    const std::size_t first = spec.find(':');
    const std::size_t second = first == std::string_view::npos ? first : spec.find(':', first + 1);
    if (second == std::string_view::npos)
        refuse(spec, "it has to be OPERATION:N:EFFECT, as in write:3+:enospc");
    std::string_view count = spec.substr(first + 1, second - first - 1);
    const std::string_view effect = spec.substr(second + 1);
    Fault fault;
    fault.kind = operation_of(spec.substr(0, first));
    if (!fault.kind)
        refuse(spec, "the operation has to be create, write, sync, seal, read, list, remove or space");
    if (count.ends_with('+')) {
        fault.persistent = true;
        count.remove_suffix(1);
    }
    fault.nth = number_in(count).value_or(0);
    if (fault.nth == 0) refuse(spec, "N has to be a number from 1 on, with a + for all that follow");
    constexpr std::string_view delay = "delay=";
    if (effect == "enospc") {
        fault.error = std::errc::no_space_on_device;
    } else if (effect == "hang") {
        fault.effect = FaultEffect::hang;
    } else if (effect.starts_with(delay)) {
        const std::uint64_t delay_ms = number_in(effect.substr(delay.size())).value_or(0);
        if (delay_ms == 0 || delay_ms > longest_delay_ms)
            refuse(spec, "the delay has to be 1 to " + std::to_string(longest_delay_ms) + " milliseconds");
        fault.effect = FaultEffect::delay;
        fault.delay = std::chrono::milliseconds(delay_ms);
    } else if (effect != "eio") {
        refuse(spec, "the effect has to be eio, enospc, hang or delay=MILLISECONDS");
    }
    return fault;
}

void throw_fault(std::errc error, OperationKind kind, const std::string& object) {
    throw Error(error, "Injected fault: cannot " + std::string(to_string(kind)) + " " + object);
}

void FaultPlan::hold(std::optional<OperationKind> kind, std::uint64_t nth) {
    Fault fault;
    fault.kind = kind;
    fault.nth = nth;
    fault.effect = FaultEffect::hang;
    fault.persistent = true;
    add(fault);
}

void FaultPlan::release() {
    std::erase_if(faults_, [](const Fault& fault) { return fault.effect == FaultEffect::hang; });
    for (Handler& handler : std::exchange(held_, {})) asio::post(std::move(handler));
}

asio::awaitable<void> FaultPlan::wait_for_release() {
    const auto initiation = [this](Handler handler) { held_.push_back(std::move(handler)); };
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiation, asio::use_awaitable);
}

asio::awaitable<std::optional<std::errc>> FaultPlan::meet(OperationKind kind, std::string object) {
    ++operations_;
    std::optional<Fault> failing;
    std::chrono::milliseconds delay{0};
    bool hangs = false;
    bool struck = false;
    for (Fault& fault : faults_) {
        if (fault.nth == 0 || (fault.kind && *fault.kind != kind)) continue;
        if (fault.nth > 1) {
            --fault.nth;
            continue;
        }
        struck = true;
        if (fault.effect == FaultEffect::hang) hangs = true;
        if (fault.effect == FaultEffect::delay) delay += fault.delay;
        if (fault.effect == FaultEffect::fail && !failing) failing = fault;
        if (!fault.persistent) fault.nth = 0;  // spent
    }
    if (struck) ++strikes_;
    if (struck && kind == OperationKind::read) ++read_strikes_;
    const OperationWatch::Entry watched(operations_under_way_, kind, object);
    if (delay.count() > 0) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, delay);
        const auto token = asio::as_tuple(asio::use_awaitable);
        auto waiting = timer.async_wait(token);
        co_await std::move(waiting);
    }
    if (hangs) co_await wait_for_release();
    if (!failing) co_return std::nullopt;
    if (!failing->applied) throw_fault(failing->error, kind, object);
    co_return failing->error;
}

}  // namespace demofs::store
