// What an AsyncDropSharedMap and its users have in common.
//
// Life of an entry: entered by its first user -> used -> unused (WhenUnused::keep only) -> leaving: somebody
// runs its cleanup -> gone. One whose creation failed leaves the table at once, and lives on for those who
// wait for its error.
//
// Threads: every public member may be called from any thread; `mutex_` guards the table and the entries'
// counts. An entry's AsyncDropShared is read by its users and dropped by whoever made it leave.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/detail/attempt.hpp>
#include <asyncdrop/detail/awaited.hpp>
#include <asyncdrop/detail/completion.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/shielded.hpp>
#include <asyncdrop/drop_concurrently.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/occupant.hpp>
#include <asyncdrop/passkey.hpp>
#include <asyncdrop/shared.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace asyncdrop {

/// What get() of an AsyncDropSharedMap throws once the map is being dropped.
class SharedMapClosed : public std::runtime_error {
  public:
    SharedMapClosed() : std::runtime_error("the shared map is closed: it is being dropped") {}
};

/// What becomes of a resource of an AsyncDropSharedMap that nobody uses any more.
enum class WhenUnused {
    drop,  ///< its last user cleans it up
    keep,  ///< it stays for the next user, until the map is dropped
};

namespace detail {

// A function that makes the resource of a key; a coroutine of the library's own kind, if it is one.
template <class F, class Key, class T>
concept SharedMapFactory =
    std::invocable<F&, const Key&> &&
    (std::same_as<typename Awaited<std::invoke_result_t<F&, const Key&>>::type, AsyncDropGuard<T>> ||
     std::same_as<typename Awaited<std::invoke_result_t<F&, const Key&>>::type, AsyncDropBox<T>>) &&
    std::same_as<typename Awaited<std::invoke_result_t<F&, const Key&>>::executor_type,
                 asio::any_io_executor>;

template <class Key, class T>
struct SharedMapCreation {
    SharedMapCreation() = default;
    SharedMapCreation(const SharedMapCreation&) = delete;
    SharedMapCreation& operator=(const SharedMapCreation&) = delete;
    virtual ~SharedMapCreation() = default;
    virtual asio::awaitable<AsyncDropBox<T>> create(const Key& key) = 0;
};

template <class Key, class T, class F>
class SharedMapCreationOf final : public SharedMapCreation<Key, T> {
  public:
    explicit SharedMapCreationOf(F&& function) : function_(std::move(function)) {}
    asio::awaitable<AsyncDropBox<T>> create(const Key& key) override { return create_with(function_, key); }

  private:
    using Made = std::invoke_result_t<F&, const Key&>;
    using Owner = typename Awaited<Made>::type;

    static asio::awaitable<AsyncDropBox<T>> create_with(F& function, const Key& key) {
        Owner made;
        if constexpr (Awaited<Made>::is_awaitable) {
            Made making = function(key);
            made = co_await std::move(making);
        } else {
            made = function(key);
        }
        if constexpr (std::same_as<Owner, AsyncDropBox<T>>) {
            co_return made;
        } else {
            AsyncDropBox<T> box;
            std::exception_ptr error;
            try {
                box = std::move(made).into_box();
            } catch (...) {  // no memory: it must not stay undropped
                error = std::current_exception();
            }
            if (error) {
                co_await even_if_cancelled;
                co_await made.async_drop();
                std::rethrow_exception(error);
            }
            co_return box;
        }
    }

    F function_;
};

// The resource of one key, for its users.
template <class T>
struct SharedMapEntry {
    SharedMapEntry() = default;
    SharedMapEntry(const SharedMapEntry&) = delete;
    SharedMapEntry& operator=(const SharedMapEntry&) = delete;
    virtual ~SharedMapEntry() = default;

    // Gives a use back; the last one cleans up.
    virtual asio::awaitable<void> leave(std::shared_ptr<SharedMapEntry> self) = 0;
    // The same without the cleanup; that was reported.
    virtual void forget() noexcept = 0;
};

// One use, in the box that a user holds.
template <class T>
class SharedMapUse {
  public:
    explicit SharedMapUse(Passkey<SharedMapUse>) noexcept {}
    SharedMapUse(const SharedMapUse&) = delete;
    SharedMapUse& operator=(const SharedMapUse&) = delete;
    ~SharedMapUse() {
        if (entry_) entry_->forget();
    }

    void begin(std::shared_ptr<SharedMapEntry<T>> entry) noexcept { entry_ = std::move(entry); }

    asio::awaitable<void> async_drop_impl() {
        if (!entry_) return nothing_to_await();
        asio::awaitable<void> leaving = entry_->leave(entry_);
        entry_ = nullptr;
        return leaving;
    }

  private:
    std::shared_ptr<SharedMapEntry<T>> entry_;
};

template <class Key>
std::string key_text(const Key& key) {
    if constexpr (std::is_convertible_v<const Key&, std::string_view>) {
        return std::string(std::string_view(key));
    } else if constexpr (std::is_arithmetic_v<Key>) {
        return std::to_string(key);
    } else {
        return {};
    }
}

template <class Key, class T, class Hash, class Equal>
class SharedMapState : public std::enable_shared_from_this<SharedMapState<Key, T, Hash, Equal>> {
    using Clock = std::chrono::steady_clock;
    using KeyPointer = std::shared_ptr<const Key>;

    struct Entry final : SharedMapEntry<T> {
        asio::awaitable<void> leave(std::shared_ptr<SharedMapEntry<T>> self) override {
            return SharedMapState::leave(map, std::static_pointer_cast<Entry>(std::move(self)));
        }
        void forget() noexcept override { map->forget(*this); }

        std::shared_ptr<SharedMapState> map;
        KeyPointer key;
        CreationSite site;
        Clock::time_point since = Clock::now();
        AsyncDropShared<T> shared;
        Completion gone;
        std::size_t users = 0;
        bool leaving = false;  // somebody cleans it up
    };
    using EntryPointer = std::shared_ptr<Entry>;

  public:
    using Pointer = std::shared_ptr<SharedMapState>;

    template <class F>
    SharedMapState(F&& creation, WhenUnused when_unused)
        : creation_(std::make_shared<SharedMapCreationOf<Key, T, F>>(std::move(creation))),
          when_unused_(when_unused) {}

    // The key of an entry that there is, or a new one.
    template <class Q>
    KeyPointer key_for(const Q& key) const {
        {
            const std::lock_guard lock(mutex_);
            const auto found = entries_.find(key);
            if (found != entries_.end()) return found->second->key;
        }
        return std::make_shared<const Key>(key);
    }

    static asio::awaitable<AsyncDropBox<T>> get(Pointer self, KeyPointer key, CreationSite site) {
        AsyncDropBox<SharedMapUse<T>> use = make_box<SharedMapUse<T>>(site);
        T* value = nullptr;
        std::exception_ptr error;
        try {
            EntryPointer entry = self->enter(key, site);
            while (entry->leaving) {  // of one key there are never two
                asio::awaitable<void> gone = entry->gone.wait(entry);
                co_await std::move(gone);
                entry = self->enter(key, site);
            }
            use->begin(entry);
            asio::awaitable<AsyncDropArc<T>> getting = entry->shared.get(site);
            AsyncDropArc<T> arc = co_await std::move(getting);
            value = &*arc;
            [[maybe_unused]] const bool released = arc.try_release();  // always: the entry has a share
        } catch (...) {
            error = std::current_exception();
        }
        if (error) {
            Failure failure(nullptr, type_name<T>(), site);
            co_await even_if_cancelled;
            try {
                co_await use.async_drop();
            } catch (...) {
                failure.error = std::current_exception();
            }
            std::rethrow_exception(combine(error, std::span<const Failure>(&failure, 1)));
        }
        co_return CoreAccess::rebind<AsyncDropBox<T>>(use, value);
    }

    static asio::awaitable<void> drop(const Pointer& self) {
        // What is needed exists before the drop has begun; to be closed twice does no harm.
        std::vector<EntryPointer> unused = self->close();
        std::vector<DropJob> jobs;
        std::vector<Failure> failures;
        jobs.reserve(unused.size());
        failures.reserve(unused.size());
        for (const EntryPointer& entry : unused) jobs.emplace_back(entry->shared);
        const std::span<DropJob> all(jobs);
        asio::awaitable<void> dropping = run_concurrently(all);
        asio::awaitable<void> waiting = shielded(self->wait());
        return drop_unused(self, std::move(unused), std::move(jobs), std::move(failures), std::move(dropping),
                           std::move(waiting));
    }

    // For a map that died without its drop; that was reported. What nobody uses reports itself.
    void abandon() noexcept {
        std::unordered_map<Key, EntryPointer, Hash, Equal> unused;
        const std::lock_guard lock(mutex_);
        closed_ = true;
        for (auto at = entries_.begin(); at != entries_.end();) {
            const auto entry = at++;
            if (entry->second->users == 0 && !entry->second->leaving) unused.insert(entries_.extract(entry));
        }
        live_ -= unused.size();
    }

    std::size_t size() const noexcept {
        const std::lock_guard lock(mutex_);
        return live_;
    }
    bool closed() const noexcept {
        const std::lock_guard lock(mutex_);
        return closed_;
    }
    std::vector<Occupant> occupants() const {
        std::vector<Occupant> all;
        const std::lock_guard lock(mutex_);
        const Clock::time_point now = Clock::now();
        for (const auto& [key, entry] : entries_) {
            all.push_back(Occupant{key_text(key), entry->site, now - entry->since});
        }
        return all;
    }

  private:
    asio::awaitable<void> wait() { return over_.wait(this->shared_from_this()); }

    // The entry of a key with one more user; or, uncounted, one that is leaving.
    EntryPointer enter(const KeyPointer& key, CreationSite site) {
        const std::lock_guard lock(mutex_);
        if (closed_) throw SharedMapClosed();
        const auto found = entries_.find(*key);
        if (found != entries_.end()) {
            if (!found->second->leaving) ++found->second->users;
            return found->second;
        }
        auto entry = std::make_shared<Entry>();
        entry->map = this->shared_from_this();
        entry->key = key;
        entry->site = site;
        entry->users = 1;
        const auto place = entries_.emplace(*key, entry).first;
        try {
            entry->shared = AsyncDropShared<T>::create(
                [creation = creation_, key] { return creation->create(*key); }, site);
        } catch (...) {
            entries_.erase(place);
            throw;
        }
        ++live_;
        return entry;
    }

    static asio::awaitable<void> leave(Pointer self, EntryPointer entry) {
        if (!self->begin_leaving(*entry)) co_return;
        Attempt attempt;
        do {
            co_await even_if_cancelled;
            try {
                asio::awaitable<void> dropping = entry->shared.async_drop();
                co_await std::move(dropping);
            } catch (...) {
                attempt.error = std::current_exception();
            }
        } while (attempt.again(attempt.error && wants_drop(entry->shared)));
        self->end_leaving(*entry);
        if (attempt.error) std::rethrow_exception(attempt.error);
    }

    // One user less. True: the caller cleans up.
    bool begin_leaving(Entry& entry) noexcept {
        const std::lock_guard lock(mutex_);
        const bool failed = entry.shared.peek_error() != nullptr;
        if (failed) erase(entry);  // the next one tries again
        if (--entry.users != 0) return false;
        entry.leaving = failed || closed_ || when_unused_ == WhenUnused::drop;
        return entry.leaving;
    }

    void end_leaving(Entry& entry) noexcept {
        const std::lock_guard lock(mutex_);
        erase(entry);
        entry.gone.complete(nullptr);
        --live_;
        note_over();
    }

    void forget(Entry& entry) noexcept {
        {
            const std::lock_guard lock(mutex_);
            if (--entry.users != 0) return;
        }
        end_leaving(entry);
    }

    std::vector<EntryPointer> close() {
        std::vector<EntryPointer> unused;
        const std::lock_guard lock(mutex_);
        unused.reserve(entries_.size());
        closed_ = true;
        for (const auto& [key, entry] : entries_) {
            if (entry->users == 0 && !entry->leaving) unused.push_back(entry);
        }
        note_over();
        return unused;
    }

    // `dropping` drops the jobs, `waiting` waits for the end of all others.
    static asio::awaitable<void> drop_unused(Pointer self, std::vector<EntryPointer> unused,
                                             std::vector<DropJob> jobs, std::vector<Failure> failures,
                                             asio::awaitable<void> dropping, asio::awaitable<void> waiting) {
        co_await even_if_cancelled;
        co_await std::move(dropping);
        for (const DropJob& job : jobs) failures.push_back(job.failure);
        for (const EntryPointer& entry : unused) self->end_leaving(*entry);
        co_await even_if_cancelled;
        try {
            co_await std::move(waiting);
        } catch (const std::bad_alloc&) {  // for waiting: once more
        }
        if (!self->over_.done()) {
            co_await even_if_cancelled;
            asio::awaitable<void> again = shielded(self->wait());
            co_await std::move(again);
        }
        if (const auto error = combine(nullptr, failures)) std::rethrow_exception(error);
    }

    // With the mutex held, both of these.
    void erase(const Entry& entry) noexcept {
        const auto found = entries_.find(*entry.key);
        if (found != entries_.end() && found->second.get() == &entry) entries_.erase(found);
    }
    void note_over() noexcept {
        if (closed_ && live_ == 0 && !over_.done()) over_.complete(nullptr);
    }

    const std::shared_ptr<SharedMapCreation<Key, T>> creation_;
    const WhenUnused when_unused_;
    Completion over_;
    mutable std::mutex mutex_;
    std::unordered_map<Key, EntryPointer, Hash, Equal> entries_;
    std::size_t live_ = 0;  // entries that are not gone
    bool closed_ = false;
};

}  // namespace detail
}  // namespace asyncdrop
