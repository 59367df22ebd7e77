#pragma once
// The requests in progress, by number; each can be cancelled.
//
// The cleanup waits for all of them.
//
// Threads: one.

#include <asyncdrop/box.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>

#include "catalog.hpp"

namespace shared_creation {

class Requests {
  public:
    /// The catalog outlives them.
    Requests(asyncdrop::Passkey<Requests>, asio::any_io_executor executor, Catalog& catalog);
    Requests(Requests&&) = delete;

    /// Looks for a word in a file and prints what comes out of it; returns the request's number at once.
    unsigned start(std::string file, std::string word);

    /// False: there is no such request in progress.
    bool cancel(unsigned number);

    asio::awaitable<void> async_drop_impl();

  private:
    asio::awaitable<void> answer(unsigned number, std::string file, std::string word);
    asio::awaitable<std::string> find(std::string file, std::string word);
    void ended(unsigned number);

    asio::any_io_executor executor_;
    Catalog& catalog_;
    unsigned last_number_ = 0;
    std::map<unsigned, std::weak_ptr<asio::cancellation_signal>> running_;
    asio::steady_timer all_ended_;  // never expires; cancelled when the last one has ended
};

}  // namespace shared_creation
