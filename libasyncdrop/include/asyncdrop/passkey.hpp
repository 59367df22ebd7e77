// Keys that say who may call a function.
//
// A resource that needs asynchronous cleanup must not exist outside a guard, or nothing reminds its owner to
// clean up. Its constructor therefore takes a `Passkey<T>`, which only `make_guard`, `make_box` and their
// relatives can make: the constructor stays public, so that they can call it, and useless to everybody else.
// A copy constructor would be another door, so such a type must not have one (may_be_copied is the way out).
//
// Threads: empty values.
#pragma once

namespace asyncdrop {

namespace detail {
struct Access;
}

/// First parameter of the constructor of a guarded type `T`; only the library can make one.
template <class T>
class Passkey {
  private:
    friend struct detail::Access;
    constexpr Passkey() noexcept {}
};

/// Whether a T that takes a Passkey may be copied. A copy lives outside of any guard and nobody cleans it up,
/// so a guard refuses such a T; specialise this as true for one whose copies need no cleanup.
template <class T>
inline constexpr bool may_be_copied = false;

/// Key for `unsafe_into_inner_dont_drop`; only `T`'s own code can make one.
template <class T>
class UnwrapKey {
  private:
    friend T;
    constexpr UnwrapKey() noexcept {}
};

}  // namespace asyncdrop
