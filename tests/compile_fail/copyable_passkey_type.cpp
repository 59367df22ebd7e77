// expect: it can be copied out of its guard
// g++ 12: error: static assertion failed: T takes a Passkey, so that it lives in guards only, but it can be copied out of its guard: delete its copy constructor (`T(T&&) noexcept = default;` does), or specialise asyncdrop::may_be_copied<T> as true
// A copy would live outside of any guard: `Connection bare = *guard;`.
#include "file.hpp"

class Connection {
  public:
    Connection(asyncdrop::Passkey<Connection>, int socket) : socket_(socket) {}
#ifndef MISTAKE
    Connection(Connection&&) noexcept = default;
#endif
    void async_drop_impl() noexcept { socket_ = -1; }

  private:
    int socket_;
};

// Unless the type says that its copies need no cleanup.
struct Ticket {
    explicit Ticket(asyncdrop::Passkey<Ticket>) {}
    void async_drop_impl() noexcept {}
};
template <>
inline constexpr bool asyncdrop::may_be_copied<Ticket> = true;

bool run() {
    auto ticket = asyncdrop::make_guard<Ticket>();
    auto guard = asyncdrop::make_guard<Connection>(3);
    return guard.is_dropped() && ticket.is_dropped();
}
