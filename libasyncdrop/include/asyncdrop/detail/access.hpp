// The library's own back doors: making passkeys, constructing values with or without one.
#pragma once

#include <asyncdrop/passkey.hpp>
#include <new>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

struct Access {
    template <class T>
    static constexpr Passkey<T> passkey() noexcept {
        return Passkey<T>();
    }

    // Constructs a T in `storage`, through its passkey constructor if it has a fitting one.
    template <class T, class... Args>
    static T* construct(void* storage, Args&&... args) {
        if constexpr (std::is_constructible_v<T, Passkey<T>, Args...>) {
            static_assert(
                !std::is_copy_constructible_v<T> || may_be_copied<T>,
                "T takes a Passkey, so that it lives in guards only, but it can be copied out of its "
                "guard: delete its copy constructor (`T(T&&) noexcept = default;` does), or "
                "specialise asyncdrop::may_be_copied<T> as true");
            return ::new (storage) T(passkey<T>(), std::forward<Args>(args)...);
        } else {
            static_assert(
                std::is_constructible_v<T, Args...>,
                "T has neither a constructor T(Passkey<T>, args...) nor T(args...) for these arguments");
            return ::new (storage) T(std::forward<Args>(args)...);
        }
    }
};

}  // namespace asyncdrop::detail
