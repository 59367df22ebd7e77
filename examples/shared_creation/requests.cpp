#include "requests.hpp"

#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <iostream>
#include <utility>

namespace shared_creation {

Requests::Requests(asyncdrop::Passkey<Requests>, asio::any_io_executor executor, Catalog& catalog)
    : executor_(std::move(executor)),
      catalog_(catalog),
      all_ended_(executor_, asio::steady_timer::time_point::max()) {}

unsigned Requests::start(std::string file, std::string word) {
    const unsigned number = ++last_number_;
    const auto signal = std::make_shared<asio::cancellation_signal>();
    running_.emplace(number, signal);
    // The signal belongs to the coroutine that it may cancel, and dies with it.
    auto at_end = [this, number, kept = signal](const std::exception_ptr&) { ended(number); };
    asio::co_spawn(executor_, answer(number, std::move(file), std::move(word)),
                   asio::bind_cancellation_slot(signal->slot(), std::move(at_end)));
    return number;
}

bool Requests::cancel(unsigned number) {
    const auto found = running_.find(number);
    const auto signal = found == running_.end() ? nullptr : found->second.lock();
    if (signal) signal->emit(asio::cancellation_type::terminal);
    return signal != nullptr;
}

asio::awaitable<void> Requests::answer(unsigned number, std::string file, std::string word) {
    std::string outcome;
    try {
        outcome = co_await find(file, word);
    } catch (const boost::system::system_error& error) {
        outcome = error.code().message();  // what() names a line of Asio, too
    } catch (const std::exception& error) {
        outcome = error.what();
    }
    std::cout << number << ": " << outcome << std::endl;
}

asio::awaitable<std::string> Requests::find(std::string file, std::string word) {
    const auto get_index = [&] { return catalog_.get(file); };
    const auto look = [&word](const Index& index) { return index.find(word); };
    // The share is given back whatever happens; the catalog keeps one of its own.
    const std::size_t line = co_await asyncdrop::with_async_drop(get_index, look);
    if (line == 0) co_return "not there";
    co_return "line " + std::to_string(line);
}

void Requests::ended(unsigned number) {
    running_.erase(number);
    if (running_.empty()) all_ended_.cancel();
}

asio::awaitable<void> Requests::async_drop_impl() {
    boost::system::error_code ignored;
    while (!running_.empty()) {
        co_await all_ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

}  // namespace shared_creation
