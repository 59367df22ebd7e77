// The Policy (bracket.hpp) of try_with_async_drop: errors are values. An exception that comes up nevertheless
// is thrown, with all the other errors.
//
// Threads: as the bracket.
#pragma once

#include <array>
#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/detail/bracket_drop.hpp>
#include <asyncdrop/detail/bracket_source.hpp>
#include <asyncdrop/detail/spawn.hpp>
#include <asyncdrop/error.hpp>
#include <boost/system/result.hpp>
#include <exception>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

// The first error type that is not never; never if there is none.
template <class E, class... Others>
struct FirstError {
    using type = E;
};
template <class Next, class... Others>
struct FirstError<never, Next, Others...> : FirstError<Next, Others...> {};

// R itself if nothing can fail, else a result.
template <class R, class E>
struct TryOutcome {
    using type = boost::system::result<R, E>;
};
template <class R>
struct TryOutcome<R, never> {
    using type = R;
};

// Returned is what the body returns, E the error type of the whole. OnSuppressed is called with an error
// value that is not returned, and a Failure that says of what.
template <class Returned, class E, class OnSuppressed>
class ReturnErrors {
    using Value = typename Unwrapped<Returned>::type;
    static constexpr bool returns_result = ResultLike<Returned>;

  public:
    using outcome = typename TryOutcome<Value, E>::type;
    template <class G>
    using Drop = DropByValue<G>;

    explicit ReturnErrors(OnSuppressed on_suppressed) : on_suppressed_(std::move(on_suppressed)) {}

    template <class From>
    static outcome failed(const From& error) {
        return outcome(boost::system::in_place_error, E(error));
    }

    template <class G>
    static bool settle(const DropByValue<G>& drop) noexcept {
        return drop.failed();
    }

    template <class G>
    void lost(const DropByValue<G>& drop) noexcept {
        if constexpr (!std::is_same_v<typename DropByValue<G>::Error, never>) {
            if (drop.error) on_suppressed_(*drop.error, drop.failure());
        }
        if (drop.thrown) print_lost(drop.failure());
    }

    template <class G>
    outcome deliver(Ending<Returned>& body, const DropByValue<G>& drop) {
        if (body.error || drop.thrown) std::rethrow_exception(thrown(body, drop));
        if constexpr (returns_result) {
            if (!body.result->has_value()) {
                if constexpr (!std::is_same_v<typename DropByValue<G>::Error, never>) {
                    if (drop.error) on_suppressed_(*drop.error, drop.failure());
                }
                return failed(body.result->error());
            }
        }
        if constexpr (!std::is_same_v<typename DropByValue<G>::Error, never>) {
            if (drop.error) return failed(*drop.error);
        }
        if constexpr (std::is_void_v<Value>) {
            return outcome();
        } else if constexpr (returns_result) {
            return outcome(std::move(**body.result));
        } else {
            return outcome(std::move(*body.result));
        }
    }

  private:
    // The exception of the body or the cleanup, with all other errors.
    template <class G>
    static std::exception_ptr thrown(const Ending<Returned>& body, const DropByValue<G>& drop) {
        std::exception_ptr primary = body.error;
        if constexpr (returns_result) {
            if (!primary && !body.result->has_value()) primary = to_exception(body.result->error());
        }
        std::array<Failure, 1> failures;
        failures[0] = drop.failure();
        if (drop.error) failures[0].error = to_exception(*drop.error);
        return combine(std::move(primary), failures);
    }

    OnSuppressed on_suppressed_;
};

}  // namespace asyncdrop::detail
