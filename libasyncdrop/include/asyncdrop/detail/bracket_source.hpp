// Where the guard of a bracket comes from: it exists already and is borrowed, or a factory makes it.
//
// Threads: as the bracket.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/bridge.hpp>
#include <asyncdrop/detail/awaited.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

namespace asio = boost::asio;

// A value or a result, taken apart.
template <class R>
struct Unwrapped {
    using type = R;
    using error_type = never;
};
template <ResultLike R>
struct Unwrapped<R> {
    using type = typename R::value_type;
    using error_type = std::remove_cvref_t<decltype(std::declval<R&>().error())>;
};

// A guard that exists already and is borrowed.
template <class G>
class BorrowedSource {
  public:
    using acquired = bool;  // nothing to keep
    using guard_type = G;
    using executor_type = asio::any_io_executor;
    static constexpr bool borrowed = true;

    explicit BorrowedSource(G& guard) noexcept : guard_(&guard) {}
    G& guard() const noexcept { return *guard_; }

  private:
    G* guard_;
};

// A factory of a guard, or of a result of one, called inside the bracket with the values that were acquired
// before it, if it wants them.
template <class F, class... Values>
class FactorySource {
    static decltype(auto) invoke(F& factory, Values&... values) {
        if constexpr (std::is_invocable_v<F&, Values&...>) {
            return std::invoke(factory, values...);
        } else {
            static_assert(std::is_invocable_v<F&>,
                          "with_async_drop: a factory takes no arguments, or the values acquired before it");
            return std::invoke(factory);
        }
    }
    using returned = decltype(invoke(std::declval<F&>(), std::declval<Values&>()...));

  public:
    using acquired = typename Awaited<returned>::type;
    using guard_type = typename Unwrapped<acquired>::type;
    using executor_type = typename Awaited<returned>::executor_type;
    static constexpr bool borrowed = false;
    static constexpr bool asynchronous = Awaited<returned>::is_awaitable;

    FactorySource(F factory, Values&... values) : factory_(std::move(factory)), values_(&values...) {}

    // What the factory makes, or an awaitable of it.
    auto acquire() {
        return std::apply([this](Values*... values) { return as_any(invoke(factory_, *values...)); },
                          values_);
    }

  private:
    F factory_;
    std::tuple<Values*...> values_;
};

// Converts to what a source acquires, so that the guard is made where it stays.
template <class Source>
class AcquireInPlace {
  public:
    explicit AcquireInPlace(Source& source) noexcept : source_(&source) {}
    // NOLINTNEXTLINE: implicit on purpose
    operator typename Source::acquired() const { return source_->acquire(); }

  private:
    Source* source_;
};

}  // namespace asyncdrop::detail
