#pragma once
// A pool of at most `size` connections, opened when they are needed.
//
//     Pool::Lease connection = co_await pool.checkout();   // waits until one is free
//     co_await connection->ask("...");
//     // the Lease's destructor gives the connection back
//
// Contract: first come, first served; a waiter that is cancelled leaves the queue; a connection that broke
// while it was lent is replaced at the next checkout. The cleanup turns waiters and later callers away, waits
// for the connections that are lent, then closes all of them at the same time; no error is lost.
//
// Threads: one. A Lease must not be held by whoever drops the pool.

#include <asyncdrop/box.hpp>
#include <asyncdrop/gate.hpp>
#include <asyncdrop/hash_map.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#include "connection.hpp"

namespace connection_pool {

/// What checkout() throws once the pool is being closed.
class PoolClosed : public std::runtime_error {
  public:
    PoolClosed() : std::runtime_error("the pool is closed") {}
};

class Pool {
  public:
    /// A connection that is lent. Giving it back needs no waiting, so this is no guard: a destructor will do.
    class Lease {
      public:
        Lease(Lease&& other) noexcept
            : pool_(std::exchange(other.pool_, nullptr)), slot_(other.slot_), pass_(std::move(other.pass_)) {}
        Lease& operator=(Lease&&) = delete;
        ~Lease() {
            if (pool_) pool_->give_back(slot_);
        }
        Connection* operator->() const { return pool_->connections_->get_mut(slot_); }

      private:
        friend class Pool;
        Lease(Pool& pool, std::size_t slot, asyncdrop::AsyncDropGate::Pass pass) noexcept
            : pool_(&pool), slot_(slot), pass_(std::move(pass)) {}

        Pool* pool_;
        std::size_t slot_;
        asyncdrop::AsyncDropGate::Pass pass_;  // out behind give_back(): members die last
    };

    Pool(asyncdrop::Passkey<Pool>, asio::any_io_executor executor, tcp::endpoint backend, std::size_t size,
         std::chrono::milliseconds timeout);
    Pool(Pool&&) = delete;

    /// A connection that works, as far as is known. Errors: PoolClosed; those of connecting.
    asio::awaitable<Lease> checkout();

    /// Turns waiters and later callers away; who has a connection keeps it.
    void refuse();

    std::size_t opened() const noexcept { return opened_; }
    std::size_t replaced() const noexcept { return replaced_; }
    std::size_t open() const noexcept { return connections_->size(); }

    asio::awaitable<void> async_drop_impl();

  private:
    using Connections =
        asyncdrop::AsyncDropHashMap<std::size_t, Connection, asyncdrop::AsyncDropBox<Connection>>;

    asio::awaitable<void> prepare(std::size_t slot);
    void give_back(std::size_t slot) noexcept;

    const tcp::endpoint backend_;
    const std::chrono::milliseconds timeout_;
    std::vector<std::size_t> free_;  // slots: keys of `connections_`, also of connections not opened yet
    std::size_t waiting_ = 0;
    std::size_t opened_ = 0;
    std::size_t replaced_ = 0;
    bool closed_ = false;
    asio::steady_timer returned_;  // never expires; cancel_one() wakes the waiter that is first in the queue
    asyncdrop::AsyncDropGuard<asyncdrop::AsyncDropGate> lent_;  // who has a connection is inside
    asyncdrop::AsyncDropGuard<Connections> connections_;
};

}  // namespace connection_pool
