// The droppables inside a value: itself, or what an optional, a result, a tuple or a range of them holds. A
// bracket whose cleanup has failed cannot deliver the result of its body, and drops them.
//
// Threads: as the value.
#pragma once

#include <asyncdrop/detail/droppable.hpp>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

template <class X>
concept TupleLike = requires { std::tuple_size<X>::value; };

// An optional, or a result.
template <class X>
concept MaybeValue = requires(X& maybe) {
    { maybe.has_value() } -> std::convertible_to<bool>;
    *maybe;
};

// A container, or a view of one. (<ranges> would cost every file that includes a bracket a tenth of its time.)
template <class X>
concept ContainerLike = requires(X& elements) {
    { elements.begin() } -> std::forward_iterator;
    elements.end();
};

template <class X>
constexpr bool holds_droppables() {
    if constexpr (std::is_void_v<X>) {
        return false;
    } else if constexpr (Droppable<X>) {
        return true;
    } else if constexpr (TupleLike<X>) {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return (holds_droppables<std::remove_cvref_t<std::tuple_element_t<I, X>>>() || ...);
        }(std::make_index_sequence<std::tuple_size<X>::value>());
    } else if constexpr (MaybeValue<X>) {
        return holds_droppables<std::remove_cvref_t<decltype(*std::declval<X&>())>>();
    } else if constexpr (ContainerLike<X>) {
        using Element = std::remove_cvref_t<decltype(*std::declval<X&>().begin())>;
        if constexpr (!std::is_same_v<Element, X>) {
            return holds_droppables<Element>();
        } else {
            return false;
        }
    } else {
        return false;
    }
}

// Calls visit(droppable) for one of the droppables in `value`: the one before which there are `before`
// others. False: there are not so many. `before` counts down on the way.
template <class X, class Visit>
bool visit_droppable(X& value, std::size_t& before, Visit& visit) {
    if constexpr (!holds_droppables<std::remove_cv_t<X>>()) {
        return false;
    } else if constexpr (Droppable<X>) {
        if (before > 0) {
            --before;
            return false;
        }
        visit(value);
        return true;
    } else if constexpr (TupleLike<X>) {
        return std::apply(
            [&](auto&... elements) { return (visit_droppable(elements, before, visit) || ...); }, value);
    } else if constexpr (MaybeValue<X>) {
        return value.has_value() && visit_droppable(*value, before, visit);
    } else {
        for (auto& element : value) {
            if (visit_droppable(element, before, visit)) return true;
        }
        return false;
    }
}

}  // namespace asyncdrop::detail
