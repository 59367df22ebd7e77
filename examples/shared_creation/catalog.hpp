#pragma once
// Indexes by the names of their files; each is made when it is first asked for, once, however many ask.
//
// A creation that fails gives its error to all who wait for it; the next request tries again. A caller that
// is cancelled while it waits, also the one who asked first, hurts nobody else.
//
// Threads: one. The cleanup comes after the last get() has ended.

#include <asyncdrop/arc.hpp>
#include <asyncdrop/shared.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>
#include <unordered_map>

#include "index.hpp"

namespace shared_creation {

class Catalog {
  public:
    Catalog(asyncdrop::Passkey<Catalog>, asio::any_io_executor disk) : disk_(std::move(disk)) {}
    Catalog(Catalog&&) = delete;

    /// A share of the index, which wants its drop. Errors: those of making it.
    asio::awaitable<asyncdrop::AsyncDropArc<Index>> get(std::string file);

    asio::awaitable<void> async_drop_impl();

  private:
    using Shared = asyncdrop::AsyncDropShared<Index>;

    const Shared& entry(const std::string& file);

    asio::any_io_executor disk_;
    std::unordered_map<std::string, Shared> entries_;
};

}  // namespace shared_creation
