// AsyncDropHashMap<K, V>: many resources by key, dropped together.
//
//     auto files = asyncdrop::AsyncDropHashMap<std::string, File>::create();   // a guard of the map
//     auto file = co_await open("a");
//     auto rejected = files->try_insert("a", std::move(file));
//     if (rejected) co_await rejected.async_drop();                            // the key was taken
//     co_await files->get_mut("a")->write(data);
//     co_await files.async_drop();                                             // all files, concurrently
//
// Contract: the map owns its values' guards. Dropping it drops every value concurrently; a failing one never
// leaves another undropped, and no error is lost. A removed value's guard, and its duty, is its taker's.
// References to values stay valid until their removal; iterators only until the next insertion.
//
// Threads: one map from one strand. Dropping runs the values' cleanups on the caller's executor, in parallel
// if that is a thread pool.
//
// Cancellation: the values' cleanups are shielded, also from the cancel_after of a TeardownGraph that the map
// is a node of. Cleanups that are to be cancelled when they take too long are nodes of their own.
#pragma once

#include <asyncdrop/detail/lookup.hpp>
#include <asyncdrop/drop_concurrently.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace asyncdrop {

/// Owner is what holds a value: AsyncDropGuard<V>, or AsyncDropBox<V> or AsyncDropArc<V> for a V that needs
/// it.
template <class K, class V, class Owner = AsyncDropGuard<V>, class Hash = std::hash<K>,
          class Equal = std::equal_to<K>>
class AsyncDropHashMap {
    using Map = std::unordered_map<K, Owner, Hash, Equal>;

    // Shows a guard as what it holds.
    template <class Iterator, class Value>
    class BasicIterator {
      public:
        using value_type = std::pair<const K&, Value&>;
        using reference = value_type;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;

        BasicIterator() = default;
        explicit BasicIterator(Iterator at) : at_(at) {}

        reference operator*() const { return reference(at_->first, *at_->second); }
        BasicIterator& operator++() {
            ++at_;
            return *this;
        }
        BasicIterator operator++(int) {
            BasicIterator before = *this;
            ++at_;
            return before;
        }
        friend bool operator==(const BasicIterator&, const BasicIterator&) = default;

      private:
        Iterator at_;
    };

  public:
    /// Yields pairs of key and value, both by reference.
    using iterator = BasicIterator<typename Map::iterator, V>;
    /// The same with values that are const.
    using const_iterator = BasicIterator<typename Map::const_iterator, const V>;

    /// For make_guard and make_box: an empty map.
    explicit AsyncDropHashMap(Passkey<AsyncDropHashMap>) {}

    /// A guarded empty map.
    static AsyncDropGuard<AsyncDropHashMap> create(CreationSite site = CreationSite::here()) {
        return make_guard_at<AsyncDropHashMap>(site);
    }

    AsyncDropHashMap(AsyncDropHashMap&&) noexcept = default;
    AsyncDropHashMap& operator=(AsyncDropHashMap&&) = delete;

    /// Inserts a live value under a key that is free, and returns an empty owner. A taken key changes nothing
    /// and gives the rejected owner back, which then still wants its drop. If memory is short
    /// (std::bad_alloc) nothing has changed and `owner` keeps its value. An owner without a value is a
    /// misuse.
    [[nodiscard("a rejected value must be dropped")]] Owner try_insert(K key, Owner&& owner) {
        if (!owner) [[unlikely]] {
            detail::misuse("an empty guard was inserted into a map", detail::type_name<V>(), {});
        }
        if (jobs_.capacity() <= map_.size())
            jobs_.reserve(2 * map_.size() + 8);  // the drop must not allocate
        failures_.reserve(jobs_.capacity());
        const auto [place, inserted] = map_.try_emplace(std::move(key));
        if (!inserted) return std::move(owner);
        place->second = std::move(owner);
        return Owner();
    }

    // Each lookup has a twin for other types than K, if Hash and Equal are transparent.

    /// The value of a key, null if there is none.
    const V* get(const K& key) const { return value_at(*this, key); }
    /// The same for a key of another type.
    template <class Q>
        requires detail::TransparentLookup<Hash, Equal>
    const V* get(const Q& key) const {
        return value_at(*this, key);
    }
    /// The value of a key for changes, null if there is none.
    V* get_mut(const K& key) { return value_at(*this, key); }
    /// The same for a key of another type.
    template <class Q>
        requires detail::TransparentLookup<Hash, Equal>
    V* get_mut(const Q& key) {
        return value_at(*this, key);
    }

    /// What owns the value of a key, null if there is none: to clone an AsyncDropArc, say. It stays the
    /// map's; remove() takes it out.
    Owner* owner(const K& key) { return owner_at(key); }
    /// The same for a key of another type.
    template <class Q>
        requires detail::TransparentLookup<Hash, Equal>
    Owner* owner(const Q& key) {
        return owner_at(key);
    }

    /// Whether the key has a value.
    bool contains(const K& key) const { return map_.contains(key); }
    /// The same for a key of another type.
    template <class Q>
        requires detail::TransparentLookup<Hash, Equal>
    bool contains(const Q& key) const {
        return map_.contains(key);
    }

    /// Takes a value out; the returned owner wants its drop. Empty if the key has no value.
    [[nodiscard("a removed value must be dropped")]] Owner remove(const K& key) { return remove_at(key); }
    /// The same for a key of another type.
    template <class Q>
        requires detail::TransparentLookup<Hash, Equal>
    [[nodiscard("a removed value must be dropped")]] Owner remove(const Q& key) {
        return remove_at(key);
    }

    /// The number of values.
    std::size_t size() const noexcept { return map_.size(); }
    /// Whether the map has no value; then its drop does nothing.
    bool empty() const noexcept { return map_.empty(); }

    /// Iteration, in no particular order, over pairs of key and value.
    iterator begin() { return iterator(map_.begin()); }
    iterator end() { return iterator(map_.end()); }
    const_iterator begin() const { return const_iterator(map_.begin()); }
    const_iterator end() const { return const_iterator(map_.end()); }

    /// Drops all values concurrently. One error is thrown as itself, several as an AsyncDropError. Called by
    /// the guard.
    asio::awaitable<void> async_drop_impl() {
        jobs_.clear();
        failures_.clear();
        for (auto& [key, owner] : map_) jobs_.emplace_back(owner);
        const std::span<detail::DropJob> jobs(jobs_);
        return drop_all(*this, detail::run_concurrently(jobs));
    }

  private:
    template <class Self, class Q>
    static auto value_at(Self& self, const Q& key) -> decltype(&*self.map_.find(key)->second) {
        const auto found = self.map_.find(key);
        return found == self.map_.end() ? nullptr : &*found->second;
    }
    template <class Q>
    Owner* owner_at(const Q& key) {
        const auto found = map_.find(key);
        return found == map_.end() ? nullptr : &found->second;
    }
    template <class Q>
    Owner remove_at(const Q& key) {
        const auto found = map_.find(key);
        if (found == map_.end()) return Owner();
        Owner owner = std::move(found->second);
        map_.erase(found);
        return owner;
    }

    static asio::awaitable<void> drop_all(AsyncDropHashMap& self, asio::awaitable<void> dropping) {
        co_await std::move(dropping);
        for (const detail::DropJob& job : self.jobs_) self.failures_.push_back(job.failure);
        if (const auto error = detail::combine(nullptr, self.failures_)) std::rethrow_exception(error);
    }

    Map map_;
    std::vector<detail::DropJob> jobs_;
    std::vector<detail::Failure> failures_;
};

}  // namespace asyncdrop
