// What guards, boxes, arcs and stacks have in common: `async_drop()` on an lvalue.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/detail/spawn.hpp>
#include <asyncdrop/detail/type_name.hpp>
#include <asyncdrop/error.hpp>
#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asyncdrop {

// Something that owns a resource and is to be dropped: `awaitable<void> async_drop()`, `is_dropped()`.
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

// What the body of a bracket works with: the guarded value, or the droppable itself if it wraps none.
template <class G>
auto& value_of(G& guard) noexcept {
    if constexpr (requires { *guard; }) {
        return *guard;
    } else {
        return guard;
    }
}

// Whether there is still something to drop, also after a drop that could not be started.
template <class G>
bool wants_drop(const G& guard) noexcept {
    if constexpr (requires { static_cast<bool>(guard); }) {
        return static_cast<bool>(guard);
    } else {
        return !guard.is_dropped();
    }
}

// One drop among several: a droppable without its type, and how its drop ended.
struct DropJob {
    template <Droppable G>
    explicit DropJob(G& droppable) noexcept
        : guard(&droppable),
          start([](void* g) { return static_cast<G*>(g)->async_drop(); }),
          armed([](const void* g) noexcept { return wants_drop(*static_cast<const G*>(g)); }),
          failure(nullptr, resource_name_of(droppable), creation_site_of(droppable)) {}

    void* guard;
    boost::asio::awaitable<void> (*start)(void*);
    bool (*armed)(const void*) noexcept;
    Failure failure;      // error: null unless the drop failed
    Ending<void> ending;  // of a drop on a stack of its own

    // The drop failed, and not because of the cleanup: it could not even be started, for lack of memory.
    bool not_started() const noexcept { return failure.error && armed(guard); }
};

// Runs a job and throws its error. A drop that could not be started for lack of memory is tried once more.
// Where the job belongs to a cleanup that cannot be repeated, this is called before that has begun, so that
// all that can fail then is the start of the drop itself.
boost::asio::awaitable<void> run_job(DropJob job);

// The drop of something that a composite owns, for the composite's async_drop_impl.
template <Droppable G>
boost::asio::awaitable<void> drop_member(G& member) {
    return run_job(DropJob(member));
}

}  // namespace detail
}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/droppable.ipp>
#endif
