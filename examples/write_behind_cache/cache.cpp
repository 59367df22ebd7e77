#include "cache.hpp"

#include <exception>
#include <stdexcept>
#include <utility>

namespace write_behind_cache {

Cache::Cache(asyncdrop::Passkey<Cache>, SharedStore& store, Counters counters, std::size_t max_unwritten)
    : store_(store), counters_(std::move(counters)), max_unwritten_(max_unwritten) {}

asio::awaitable<void> Cache::add_one(std::string key) {
    while (unwritten_.size() >= max_unwritten_ && !unwritten_.contains(key)) co_await flush();
    ++counters_[key];
    unwritten_.insert(std::move(key));
}

asio::awaitable<void> Cache::flush() {
    // One flush at a time, or an older value could be written after a newer one.
    SharedStore::Lock store = co_await store_.lock();
    if (unwritten_.empty()) co_return;
    std::set<std::string> keys = std::exchange(unwritten_, std::set<std::string>());
    std::exception_ptr error;
    try {
        Counters changed;
        for (const std::string& key : keys) changed[key] = counters_[key];
        co_await store->write(changed);
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        unwritten_.merge(keys);
        std::rethrow_exception(error);
    }
}

asio::awaitable<void> Cache::async_drop_impl() {
    try {
        co_await flush();
    } catch (const std::exception& error) {
        throw std::runtime_error(std::to_string(unwritten_.size()) + " counters are lost: " + error.what());
    }
}

}  // namespace write_behind_cache
