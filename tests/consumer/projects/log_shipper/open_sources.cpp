#include "open_sources.hpp"

#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/flatten.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

namespace log_shipper {

namespace {

using asyncdrop::AsyncDropGuard;
using SourcesGuard = AsyncDropGuard<Sources>;

// A name that is taken already: the source is closed again.
asio::awaitable<void> insert(Sources& sources, AsyncDropGuard<Source>& source) {
    std::string name = source->name();
    AsyncDropGuard<Source> rejected = sources.try_insert(std::move(name), std::move(source));
    if (rejected) {
        co_await asyncdrop::even_if_cancelled;
        co_await rejected.async_drop();
    }
}

// even_if_cancelled before each step: a source that is open is not left behind by a cancellation.
asio::awaitable<void> insert_required(Sources& sources, const std::filesystem::path& folder) {
    std::filesystem::path path = folder / "system.log";
    Source::Opened system = co_await Source::open(std::move(path));
    path = folder / "access.log";
    co_await asyncdrop::even_if_cancelled;
    Source::Opened access = co_await Source::open(std::move(path));
    co_await asyncdrop::even_if_cancelled;
    auto [first, second] = co_await asyncdrop::flatten_async_drop(system, access);
    co_await asyncdrop::even_if_cancelled;
    co_await insert(sources, first);
    co_await asyncdrop::even_if_cancelled;
    co_await insert(sources, second);
    co_await asio::this_coro::throw_if_cancelled(true);
}

asio::awaitable<void> insert_optional(Sources& sources, std::filesystem::path path) {
    Source::Opened opened = co_await Source::open(std::move(path));
    AsyncDropGuard<OptionalSource> outcome = OptionalSource::from(std::move(opened));
    co_await asyncdrop::even_if_cancelled;
    if (outcome->has_value()) {
        boost::system::result<AsyncDropGuard<Source>, error_code> taken = OptionalSource::take(outcome);
        co_await insert(sources, *taken);
        co_await asio::this_coro::throw_if_cancelled(true);
    } else {
        co_await outcome.async_drop();  // an error needs no cleanup, but its guard is dropped like any other
    }
}

}  // namespace

asio::awaitable<SourcesGuard> open_sources(std::filesystem::path folder, std::vector<std::string> optional) {
    asyncdrop::AsyncDropStack built;  // rolls back what is there when a required log is missing
    auto build = [&folder, &optional](asyncdrop::AsyncDropStack& stack) -> asio::awaitable<SourcesGuard> {
        SourcesGuard created = Sources::create();
        SourcesGuard& sources = stack.own(std::move(created));
        co_await insert_required(*sources, folder);
        for (const std::string& name : optional) {
            std::filesystem::path path = folder / name;
            co_await insert_optional(*sources, std::move(path));
        }
        co_return std::move(sources);  // out of the stack: nothing is left to undo
    };
    SourcesGuard opened = co_await asyncdrop::with_async_drop(built, build);
    co_return opened;
}

}  // namespace log_shipper
