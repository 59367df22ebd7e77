// flatten_async_drop(a, b, ...): several acquisitions at once, all or nothing.
//
//     auto a = co_await try_open("a");     // boost::system::result<AsyncDropGuard<File>, error_code>
//     auto b = co_await try_open("b");
//     auto [file_a, file_b] = co_await asyncdrop::flatten_async_drop(a, b);
//
// If all results hold a guard, the guards are moved out of them into a tuple. Otherwise every guard among
// them is dropped, the last one first, and all errors are thrown.
//
// The results are taken by reference, because a coroutine that Asio refuses to start would destroy its
// parameters, and the guards with them. They must stay where they are until the awaitable has completed.
//
// Threads: runs on the caller's strand.
#pragma once

#include <array>
#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

namespace asyncdrop {

namespace detail {

// How flatten_async_drop looks into an operand: a plain result of a guard.
template <class R>
struct FlattenTraits {
    using owner_type = std::remove_cvref_t<decltype(*std::declval<R&>())>;
    static bool has_value(const R& result) { return static_cast<bool>(result.has_value()); }
    static decltype(auto) error(const R& result) { return result.error(); }
    static owner_type take(R& result) { return std::move(*result); }
    static std::optional<DropJob> drop_job(R& result) {
        if (!has_value(result)) return std::nullopt;
        return DropJob(*result);
    }
};

// A guarded AsyncDropResult: it is dropped itself, also if it holds an error.
template <class T, class E, class Owner>
struct FlattenTraits<AsyncDropGuard<AsyncDropResult<T, E, Owner>>> {
    using R = AsyncDropGuard<AsyncDropResult<T, E, Owner>>;
    using owner_type = Owner;
    static bool has_value(const R& result) { return result->has_value(); }
    static const E& error(const R& result) { return result->error(); }
    static owner_type take(R& result) {
        boost::system::result<Owner, E> taken = AsyncDropResult<T, E, Owner>::take(result);
        return std::move(*taken);
    }
    static std::optional<DropJob> drop_job(R& result) { return DropJob(result); }
};

template <class R>
concept GuardResult = requires(R& result) {
    { FlattenTraits<R>::has_value(result) } -> std::same_as<bool>;
    FlattenTraits<R>::error(result);
    { FlattenTraits<R>::take(result) } -> Droppable;
};

// One operand without its type.
struct FlattenOperand {
    template <class R>
    explicit FlattenOperand(R& result)
        : job(FlattenTraits<R>::drop_job(result)),
          creation(nullptr, type_name<typename FlattenTraits<R>::owner_type>(), CreationSite()) {
        creation.acquiring = true;
        if (!FlattenTraits<R>::has_value(result))
            creation.error = to_exception(FlattenTraits<R>::error(result));
    }

    std::optional<DropJob> job;
    Failure creation;  // error: null unless there is one instead of a guard
};

// Drops what is droppable if an operand holds an error. Leaves throw_if_cancelled(false) in force.
inline boost::asio::awaitable<void> drop_unless_complete(std::span<FlattenOperand> operands) {
    bool complete = true;
    for (const FlattenOperand& operand : operands) complete = complete && !operand.creation.error;
    if (complete) co_return;
    for (std::size_t at = operands.size(); at-- > 0;) {
        FlattenOperand& operand = operands[at];
        if (!operand.job) continue;
        co_await even_if_cancelled;
        try {
            boost::asio::awaitable<void> dropping = operand.job->start(operand.job->guard);
            co_await std::move(dropping);
        } catch (...) {
            operand.job->failure.error = std::current_exception();
        }
    }
    co_await even_if_cancelled;
}

// The errors of the operands in their order, then those of the drops in theirs.
template <std::size_t N>
std::exception_ptr flattened_error(const std::array<FlattenOperand, N>& operands) noexcept {
    std::array<Failure, 2 * N> failures;
    for (std::size_t i = 0; i < N; ++i) {
        failures[i] = operands[i].creation;
        const std::optional<DropJob>& job = operands[N - 1 - i].job;
        if (job) failures[N + i] = job->failure;
    }
    return combine(nullptr, failures);
}

template <class... Results>
using flattened_t = std::tuple<typename FlattenTraits<Results>::owner_type...>;

template <class... Results>
boost::asio::awaitable<flattened_t<Results...>> flatten(std::tuple<Results*...> results) {
    auto operands = std::apply(
        [](Results*... result) {
            return std::array<FlattenOperand, sizeof...(Results)>{FlattenOperand(*result)...};
        },
        results);
    const std::span<FlattenOperand> all(operands);
    co_await drop_unless_complete(all);
    co_await boost::asio::this_coro::throw_if_cancelled(true);
    if (const std::exception_ptr error = flattened_error(operands)) std::rethrow_exception(error);
    co_return std::apply(
        [](Results*... result) { return flattened_t<Results...>(FlattenTraits<Results>::take(*result)...); },
        results);
}

}  // namespace detail

/// All guards as a tuple, or none.
///
/// Takes results of a guard, box or Arc: boost::system::result and what is used like it, or guarded
/// AsyncDropResults. On success they are left with an empty guard; on failure with a dropped one.
/// Errors: one as itself; several as an AsyncDropError: the results' errors in the order of the arguments
/// (the first one is the primary), then those of the drops in the order in which they ran. Error values that
/// are no exceptions are thrown as they are, error codes as system_error.
/// Cancellation: once started, every drop runs shielded; a cancelled coroutine awaits even_if_cancelled
/// before, or the guards stay in the results.
template <class... Results>
    requires(sizeof...(Results) > 0 && (detail::GuardResult<Results> && ...))
[[nodiscard]] boost::asio::awaitable<detail::flattened_t<Results...>> flatten_async_drop(
    Results&... results) {
    return detail::flatten(std::tuple<Results*...>(&results...));
}

}  // namespace asyncdrop
