#include "service.hpp"

#include <stdexcept>
#include <utility>

Journal::Journal(asyncdrop::Passkey<Journal>, const ServiceSettings& settings) : settings_(&settings) {
    settings.disk->locked = true;
}

asyncdrop::AsyncDropGuard<Journal> Journal::open(const ServiceSettings& settings) {
    settings.at("open the journal");
    if (settings.disk->locked) throw std::runtime_error("the disk is in use");
    return asyncdrop::make_guard<Journal>(settings);
}

asio::awaitable<void> Journal::append(std::string note) {
    settings_->at("append to the journal");
    settings_->disk->notes.push_back(std::move(note));
    co_return;
}

asio::awaitable<void> Journal::async_drop_impl() {
    settings_->disk->locked = false;  // whatever happens next
    settings_->at("close the journal");
    co_return;
}

Cache::Cache(asyncdrop::Passkey<Cache>, Journal& journal) : journal_(&journal) {}

asyncdrop::AsyncDropGuard<Cache> Cache::make(Journal& journal, const ServiceSettings& settings) {
    settings.at("make the cache");
    return asyncdrop::make_guard<Cache>(journal);
}

asio::awaitable<void> Cache::async_drop_impl() {
    for (std::string& note : notes_) {
        auto appending = journal_->append(std::move(note));
        co_await std::move(appending);
    }
}

// [snippet: service]
asio::awaitable<Outcome> run_service(const ServiceSettings& settings) {
    auto graph = asyncdrop::TeardownGraph::create();
    Outcome outcome;
    try {
        auto journal = graph->add("journal", Journal::open(settings));
        auto cache =
            graph->add("cache", Cache::make(graph->get(journal), settings), asyncdrop::uses(journal));
        auto serving = settings.serve(graph->get(cache));
        co_await std::move(serving);
    } catch (...) {
        outcome.failed = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    auto going_down = graph->run();
    outcome.teardown = co_await std::move(going_down);
    co_await asyncdrop::even_if_cancelled;
    co_await graph.async_drop();
    co_return outcome;
}
// [end]
