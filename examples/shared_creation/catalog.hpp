#pragma once
// Indexes by the names of their files; each is made when it is first asked for, once, however many ask, and
// stays for the next one.
//
// A creation that fails gives its error to all who wait for it; the next request tries again. A caller that
// is cancelled while it waits, also the one who asked first, hurts nobody else.
//
// Threads: one.

#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/shared_map.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>

#include "index.hpp"

namespace shared_creation {

class Catalog {
  public:
    Catalog(asyncdrop::Passkey<Catalog>, asio::any_io_executor disk);
    Catalog(Catalog&&) = delete;

    /// A share of the index, which wants its drop. Errors: those of making it; std::runtime_error if there are
    /// too many.
    asio::awaitable<asyncdrop::AsyncDropBox<Index>> get(const std::string& file) const;

    /// Waits for everybody who has a share, then closes the indexes.
    asio::awaitable<void> async_drop_impl() { return indexes_.async_drop(); }

  private:
    using Indexes = asyncdrop::AsyncDropSharedMap<std::string, Index>;

    asio::awaitable<asyncdrop::AsyncDropBox<Index>> load(const std::string& file) const;

    asio::any_io_executor disk_;
    asyncdrop::AsyncDropGuard<Indexes> indexes_;
};

}  // namespace shared_creation
