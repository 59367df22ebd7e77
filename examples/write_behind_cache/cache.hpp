#pragma once
// Counters in memory, written to the store later: a counter that changes often is written seldom.
//
// The cleanup writes what has not been written yet; it fails if that is not possible.
//
// Threads: one; several coroutines may add and flush at the same time.

#include <asyncdrop/box.hpp>
#include <asyncdrop/mutex.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <set>
#include <string>

#include "store.hpp"

namespace write_behind_cache {

class Cache {
  public:
    using SharedStore = asyncdrop::AsyncDropMutex<Store>;

    /// `counters` is what the store holds; the store outlives the cache.
    Cache(asyncdrop::Passkey<Cache>, SharedStore& store, Counters counters, std::size_t max_unwritten);
    Cache(Cache&&) = delete;

    /// Adds one to a counter. Usually returns at once; waits for a flush, and fails with it, when
    /// `max_unwritten` counters wait to be written.
    asio::awaitable<void> add_one(std::string key);

    /// Returns when every change that was made before the call is in the store. Errors: the store's; then the
    /// changes still wait to be written.
    asio::awaitable<void> flush();

    asio::awaitable<void> async_drop_impl();

  private:
    SharedStore& store_;
    Counters counters_;
    std::set<std::string> unwritten_;
    const std::size_t max_unwritten_;
};

}  // namespace write_behind_cache
