// AsyncDropSharedMap<Key, T>: resources by key, made when they are needed, shared by all who ask.
//
//     auto open = [](const std::string& name) { return Connection::open(name); };   // guard, box, or awaitable
//     auto connections = asyncdrop::AsyncDropSharedMap<std::string, Connection>::create(open);
//     auto mine = co_await connections->get("db");   // an AsyncDropBox: one use of the connection
//     co_await mine->query("hello");
//     co_await mine.async_drop();                    // the last user's drop cleans the connection up
//     co_await connections.async_drop();             // waits until nobody uses any of them any more
//
// Contract:
//  * one creation for each key, however many wait for it; it belongs to none of them (AsyncDropShared);
//  * a creation that fails gives its error to everybody who waits for it; the next get() tries again;
//  * the drop of the last user runs the cleanup, waits for it and throws its error. With WhenUnused::keep the
//    resource stays for the next one, and the map's drop cleans it up;
//  * of one key there are never two: a get() during the cleanup waits for its end, then makes a new one;
//  * once the map's drop has begun, get() throws SharedMapClosed; it returns when every user has dropped. Who
//    drops the map while it uses one of its resources waits for itself.
// A user is dropped like any box, and reported if it is forgotten.
//
// Threads: get() and the drops of users from any thread; the drop of the map like any guard's. A creation
// runs on a strand of the executor of whoever asks first, a cleanup on the last user's.
#pragma once

#include <asyncdrop/detail/lookup.hpp>
#include <asyncdrop/detail/occupants_text.hpp>
#include <asyncdrop/detail/shared_map_state.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncdrop {

/// Resources by key, made when they are needed, shared by all who ask for the same key.
template <class Key, class T, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class AsyncDropSharedMap {
    using State = detail::SharedMapState<Key, T, Hash, Equal>;

  public:
    /// For make_guard and make_box; see create().
    template <detail::SharedMapFactory<Key, T> F>
    AsyncDropSharedMap(Passkey<AsyncDropSharedMap>, F creation, WhenUnused when_unused)
        : state_(std::make_shared<State>(std::move(creation), when_unused)) {}

    /// A guarded empty map. `creation` is called with a key, returns a guard or box, or an awaitable of one
    /// (on an any_io_executor), and may be a lambda with captures; it may be called for several keys at the
    /// same time.
    template <detail::SharedMapFactory<Key, T> F>
    static AsyncDropGuard<AsyncDropSharedMap> create(F creation, WhenUnused when_unused = WhenUnused::drop,
                                                     CreationSite site = CreationSite::here()) {
        return make_guard_at<AsyncDropSharedMap>(site, std::move(creation), when_unused);
    }

    /// A map that was not dropped, which its guard has reported, refuses later users; resources that it keeps
    /// report themselves, and those that are used go with their last user.
    ~AsyncDropSharedMap() {
        if (state_) state_->abandon();
    }

    AsyncDropSharedMap(AsyncDropSharedMap&&) noexcept = default;
    AsyncDropSharedMap& operator=(AsyncDropSharedMap&&) = delete;

    /// One use of the resource of a key, which is made if there is none; it wants its drop. `site` is what
    /// reports name. With a transparent Hash and Equal the key may be of another type, from which a Key can
    /// be made.
    ///
    /// Errors: SharedMapClosed; the creation's; operation_aborted when cancelled, or when the creation's
    /// context was destroyed. Cancellation ends the waiting. If nobody else waits for the creation,
    /// WhenUnused::drop ends that, too, and get() then returns when it is over; with WhenUnused::keep it goes on
    /// for the next one. The awaitable depends neither on this object's lifetime nor on the key's.
    [[nodiscard]] asio::awaitable<AsyncDropBox<T>> get(const Key& key,
                                                       CreationSite site = CreationSite::here()) const {
        return State::get(state_, state_->key_for(key), site);
    }
    /// The same for a key of another type.
    template <class Q>
        requires detail::TransparentLookup<Hash, Equal>
    [[nodiscard]] asio::awaitable<AsyncDropBox<T>> get(const Q& key,
                                                       CreationSite site = CreationSite::here()) const {
        return State::get(state_, state_->key_for(key), site);
    }

    /// How many resources there are, those included that are being made or cleaned up.
    std::size_t size() const noexcept { return state_->size(); }
    /// Whether get() is refused.
    bool closed() const noexcept { return state_->closed(); }
    /// The resources, with their keys as names where these are text or numbers.
    [[nodiscard]] std::vector<Occupant> occupants() const { return state_->occupants(); }

    /// Closes the map, cleans up what nobody uses and waits until everything else has been, too. Throws the
    /// errors of its own cleanups, one as itself, several as an AsyncDropError. Called by the guard.
    asio::awaitable<void> async_drop_impl() { return State::drop(state_); }

    /// What the drop waits for, for a TeardownGraph's sentences.
    std::function<std::string()> drop_progress() const { return detail::progress_of(state_); }

  private:
    std::shared_ptr<State> state_;
};

}  // namespace asyncdrop
