#include "catalog.hpp"

#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/stack.hpp>
#include <exception>
#include <stdexcept>
#include <utility>

namespace shared_creation {

namespace {

constexpr std::size_t max_indexes = 1000;

}  // namespace

const Catalog::Shared& Catalog::entry(const std::string& file) {
    const auto found = entries_.find(file);
    if (found != entries_.end()) return found->second;
    if (entries_.size() >= max_indexes) throw std::runtime_error("too many files");
    auto load = [disk = disk_, file] { return Index::load(disk, file); };
    return entries_.emplace(file, Shared::create(std::move(load))).first->second;
}

asio::awaitable<asyncdrop::AsyncDropArc<Index>> Catalog::get(std::string file) {
    std::exception_ptr error;
    try {
        asio::awaitable<asyncdrop::AsyncDropArc<Index>> getting = entry(file).get();
        asyncdrop::AsyncDropArc<Index> index = co_await std::move(getting);
        co_return index;
    } catch (...) {
        error = std::current_exception();
    }
    // If the creation has failed, the first one who notices takes it out, so that the next request tries
    // again. (A request that was cancelled leaves the entry alone: others may wait for it.)
    const auto found = entries_.find(file);
    if (found != entries_.end() && found->second.peek_error()) {
        Shared failed = std::move(found->second);
        entries_.erase(found);
        co_await asyncdrop::even_if_cancelled;
        co_await failed.async_drop();
    }
    std::rethrow_exception(error);
}

asio::awaitable<void> Catalog::async_drop_impl() {
    asyncdrop::AsyncDropStack closing;
    for (auto& [file, shared] : entries_) closing.watch(shared);
    co_await closing.async_drop();
}

}  // namespace shared_creation
