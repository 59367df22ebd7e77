// expect: T has neither a constructor T\(Passkey<T>, args\.\.\.\) nor T\(args\.\.\.\) for these arguments
// g++ 12: error: static assertion failed: T has neither a constructor T(Passkey<T>, args...) nor T(args...) for these arguments
// What make_guard is given goes to a constructor of the type.
#include "file.hpp"

class Connection {
  public:
    Connection(asyncdrop::Passkey<Connection>, int socket) : socket_(socket) {}
    Connection(Connection&&) noexcept = default;
    void async_drop_impl() noexcept { socket_ = -1; }

  private:
    int socket_;
};

bool run() {
#ifdef MISTAKE
    auto guard = asyncdrop::make_guard<Connection>("localhost");
#else
    auto guard = asyncdrop::make_guard<Connection>(3);
#endif
    return guard.is_dropped();
}
