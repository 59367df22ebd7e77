// The Policy (bracket.hpp) of with_async_drop: errors are thrown, by the rule of error.hpp.
//
// Threads: as the bracket.
#pragma once

#include <array>
#include <asyncdrop/detail/bracket_drop.hpp>
#include <asyncdrop/detail/contained.hpp>
#include <asyncdrop/detail/spawn.hpp>
#include <asyncdrop/error.hpp>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncdrop::detail {

// No error map: errors stay what they are.
struct KeepErrors {
    std::exception_ptr operator()(std::exception_ptr error) const noexcept { return error; }
};

// Turns the result of a user's map (an exception_ptr or an exception object) into an exception_ptr. A map
// that throws replaces the error by what it throws.
template <class Map>
std::exception_ptr apply_map(Map& map, std::exception_ptr error) noexcept {
    if (!error) return error;
    try {
        using Mapped = std::invoke_result_t<Map&, std::exception_ptr>;
        if constexpr (std::is_same_v<std::decay_t<Mapped>, std::exception_ptr>) {
            return std::invoke(map, std::move(error));
        } else {
            return std::make_exception_ptr(std::invoke(map, std::move(error)));
        }
    } catch (...) {
        return std::current_exception();
    }
}

// The errors of dropping what a body's result held; for results that hold nothing, empty.
template <bool needed>
class LostFailures {
  public:
    void add(Failure failure) noexcept {
        try {
            failures_.push_back(std::move(failure));
        } catch (...) {
            print_lost(failure);
        }
    }
    // The error of a bracket whose body and cleanup ended so.
    std::exception_ptr combined(std::exception_ptr body, const Failure& cleanup) noexcept {
        try {
            failures_.insert(failures_.begin(), cleanup);
        } catch (...) {
            for (const Failure& failure : failures_) print_lost(failure);
            const std::array<Failure, 1> only{cleanup};
            return combine(std::move(body), only);
        }
        return combine(std::move(body), failures_);
    }

  private:
    std::vector<Failure> failures_;
};
template <>
class LostFailures<false> {
  public:
    static std::exception_ptr combined(std::exception_ptr body, const Failure& cleanup) noexcept {
        const std::array<Failure, 1> only{cleanup};
        return combine(std::move(body), only);
    }
};

template <class R, class Map>
class ThrowErrors {
  public:
    using outcome = R;
    template <class G>
    using Drop = DropByException<G>;

    explicit ThrowErrors(Map map) : map_(std::move(map)) {}

    template <class G>
    bool settle(DropByException<G>& drop) noexcept {
        drop.error = apply_map(map_, std::move(drop.error));
        return drop.failed();
    }

    template <class G>
    void lost(const DropByException<G>& drop) noexcept {
        lost_.add(drop.failure());
    }

    template <class G>
    std::add_rvalue_reference_t<R> deliver(Ending<R>& body, const DropByException<G>& drop) {
        if (drop.failed()) {
            std::rethrow_exception(lost_.combined(std::move(body.error), drop.failure()));
        }
        if (body.error) std::rethrow_exception(body.error);
        if constexpr (!std::is_void_v<R>) return std::move(*body.result);
    }

  private:
    Map map_;
    [[no_unique_address]] LostFailures<holds_droppables<R>()> lost_;
};

}  // namespace asyncdrop::detail
