// What guards, boxes, arcs and stacks have in common: `async_drop()` on an lvalue.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/type_name.hpp>
#include <asyncdrop/error.hpp>
#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <string_view>
#include <type_traits>

namespace asyncdrop {

/// Something that owns a resource and is to be dropped: `awaitable<void> async_drop()`, `is_dropped()`.
template <class G>
concept Droppable = requires(G& guard) {
    { guard.async_drop() } -> std::same_as<boost::asio::awaitable<void>>;
    { guard.is_dropped() } -> std::convertible_to<bool>;
};

namespace detail {

template <class G>
std::string_view resource_name_of(const G& guard) noexcept {
    if constexpr (requires { guard.resource_name(); }) {
        return guard.resource_name();
    } else {
        return type_name<G>();
    }
}

template <class G>
CreationSite creation_site_of(const G& guard) noexcept {
    if constexpr (requires { guard.creation_site(); }) {
        return guard.creation_site();
    } else {
        return CreationSite();
    }
}

/// What the body of a bracket works with: the guarded value, or the droppable itself if it wraps none.
template <class G>
auto& value_of(G& guard) noexcept {
    if constexpr (requires { *guard; }) {
        return *guard;
    } else {
        return guard;
    }
}

/// One drop among several: a droppable without its type, and how its drop ended.
struct DropJob {
    template <Droppable G>
    explicit DropJob(G& droppable) noexcept
        : guard(&droppable),
          start([](void* g) { return static_cast<G*>(g)->async_drop(); }),
          failure(nullptr, resource_name_of(droppable), creation_site_of(droppable)) {}

    void* guard;
    boost::asio::awaitable<void> (*start)(void*);
    Failure failure;  ///< error: null unless the drop failed
};

}  // namespace detail
}  // namespace asyncdrop
