// AsyncDropStack: cleanups to be run in reverse order, for things that are built in several steps.
//
//     asio::awaitable<AsyncDropGuard<System>> open_system() {
//         AsyncDropStack built;
//         auto build = [](AsyncDropStack& stack) -> asio::awaitable<AsyncDropGuard<System>> {
//             auto opened = co_await open_database();
//             auto& database = stack.own(std::move(opened));
//             auto cache = co_await open_cache(*database);          // fails? the database is dropped
//             co_return make_guard<System>(std::move(database), std::move(cache));  // moved out: not undone
//         };
//         co_return co_await with_async_drop(built, build);
//     }
//
// Invariants: entries are dropped last in, first out; a failing one never leaves another undropped; adding
// either succeeds or leaves the caller's guard untouched; the room for errors is reserved when adding.
//
// Threads: one stack from one strand.
#pragma once

#include <asyncdrop/bridge.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/detail/shield.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncdrop {

namespace asio = boost::asio;

namespace detail {

template <class F>
concept SyncCallback = std::is_nothrow_invocable_r_v<void, F&> && std::is_void_v<std::invoke_result_t<F&>>;
template <class F>
concept AsyncCallback = std::is_same_v<decltype(as_any(std::declval<F&>()())), asio::awaitable<void>>;

}  // namespace detail

/// Guards and cleanup callbacks that are dropped last in, first out.
class [[nodiscard("a stack must be dropped with async_drop, or released")]] AsyncDropStack {
  public:
    /// An empty stack; `site` is what reports name.
    explicit AsyncDropStack(CreationSite site = CreationSite::here()) noexcept : site_(site) {}

    /// Leaves `other` empty. Moving a stack whose drop is running is a misuse.
    AsyncDropStack(AsyncDropStack&& other) noexcept;
    AsyncDropStack& operator=(AsyncDropStack&&) = delete;
    AsyncDropStack(const AsyncDropStack&) = delete;
    AsyncDropStack& operator=(const AsyncDropStack&) = delete;

    /// Owned guards that are still armed report themselves, last in, first out.
    ~AsyncDropStack();

    /// Moves a guard (box, arc, ...) into the stack. The reference stays valid until the drop; moving the
    /// guard out through it takes it back. Errors: std::bad_alloc, and the caller keeps the guard.
    template <class G>
        requires(Droppable<G> && !std::is_lvalue_reference_v<G>)
    G& own(G&& guard) {
        make_room();
        auto entry = std::make_unique<OwnedEntry<G>>(std::move(guard));
        G& owned = entry->guard;
        entries_.push_back(std::move(entry));
        return owned;
    }

    /// Registers a guard that stays where it is and outlives its entry. The caller may drop or move it
    /// before: an empty or dropped guard is passed over.
    template <Droppable G>
    void watch(G& guard) {
        make_room();
        entries_.push_back(std::make_unique<WatchedEntry<G>>(guard));
    }

    /// Registers a cleanup callback: `awaitable<void>()`, or `void() noexcept`.
    template <class F>
    void defer(F callback, CreationSite site = CreationSite::here()) {
        static_assert(detail::SyncCallback<F> || detail::AsyncCallback<F>,
                      "a cleanup callback returns asio::awaitable<void>, or is noexcept and returns void");
        make_room();
        entries_.push_back(std::make_unique<CallbackEntry<F>>(std::move(callback), site));
    }

    /// Success: forgets callbacks and watched guards without running anything. An owned guard that is still
    /// armed must have been moved out before; otherwise this is a misuse.
    void release() noexcept;

    /// Runs everything, last in, first out, and leaves the stack empty (it can be used again).
    ///
    /// Errors: one as itself, several as an AsyncDropError in the order of the drops. An entry that cannot be
    /// started for lack of memory is tried again; if that fails, too, it stays in the stack, for another
    /// async_drop, and the others go on. Cancellation: each entry runs shielded; a cancelled coroutine awaits
    /// even_if_cancelled before.
    [[nodiscard]] asio::awaitable<void> async_drop() & { return run(); }
    asio::awaitable<void> async_drop() && = delete;

    /// Whether nothing is left to drop.
    bool is_dropped() const noexcept { return entries_.empty(); }
    /// How many entries are still to be dropped.
    std::size_t size() const noexcept { return entries_.size(); }

    /// Where the stack itself was made, for messages.
    CreationSite creation_site() const noexcept { return site_; }
    /// The name of this type, for messages.
    static constexpr std::string_view resource_name() noexcept { return "asyncdrop::AsyncDropStack"; }

  private:
    struct Entry {
        Entry() = default;
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        virtual ~Entry() = default;
        virtual asio::awaitable<void> drop() = 0;
        virtual bool armed() const noexcept = 0;
        virtual detail::Failure failure(std::exception_ptr error) const noexcept = 0;
        virtual void ended() noexcept {}
        virtual void forget() noexcept = 0;
    };

    template <class G>
    struct OwnedEntry final : Entry {
        explicit OwnedEntry(G&& g) noexcept : guard(std::move(g)) {}
        asio::awaitable<void> drop() override { return guard.async_drop(); }
        bool armed() const noexcept override { return detail::wants_drop(guard); }
        detail::Failure failure(std::exception_ptr error) const noexcept override {
            return {std::move(error), detail::resource_name_of(guard), detail::creation_site_of(guard)};
        }
        void forget() noexcept override {
            if (detail::wants_drop(guard)) [[unlikely]] {
                detail::misuse("a stack was released while it owns a guard that has not been dropped",
                               detail::resource_name_of(guard), detail::creation_site_of(guard));
            }
        }

        G guard;
    };

    template <class F>
    struct CallbackEntry final : Entry {
        CallbackEntry(F&& f, CreationSite site) : callback(std::move(f)), core(site, "cleanup callback") {}
        ~CallbackEntry() override {
            if (core.holds_value()) core.report(detail::type_name<F>(), "cleanup callback");
        }
        asio::awaitable<void> drop() override {
            if constexpr (detail::SyncCallback<F>) {
                asio::awaitable<void> done = detail::nothing_to_await();
                core.begin_drop();
                callback();
                return done;
            } else {
                return detail::call_shielded(&CallbackEntry::call, &CallbackEntry::begin, this);
            }
        }
        static asio::awaitable<void> call(void* entry) {
            auto& self = *static_cast<CallbackEntry*>(entry);
            try {
                return detail::as_any(self.callback());
            } catch (const std::bad_alloc&) {  // no frame for it: not begun
                throw;
            } catch (...) {
                self.core.begin_drop();
                throw;
            }
        }
        static void begin(void* entry) noexcept { static_cast<CallbackEntry*>(entry)->core.begin_drop(); }
        bool armed() const noexcept override { return core.armed(); }
        detail::Failure failure(std::exception_ptr error) const noexcept override {
            return {std::move(error), "cleanup callback", core.site()};
        }
        void ended() noexcept override { core.end_drop(); }
        void forget() noexcept override { core.make_empty(); }

        F callback;
        detail::GuardCore core;
    };

    template <class G>
    struct WatchedEntry final : Entry {
        explicit WatchedEntry(G& g) noexcept : guard(&g) {}
        asio::awaitable<void> drop() override { return guard->async_drop(); }
        bool armed() const noexcept override { return detail::wants_drop(*guard); }
        detail::Failure failure(std::exception_ptr error) const noexcept override {
            return {std::move(error), detail::resource_name_of(*guard), detail::creation_site_of(*guard)};
        }
        void forget() noexcept override {}

        G* guard;
    };

    void check_idle(std::string_view sentence) const noexcept;
    void make_room();
    asio::awaitable<void> run();

    std::vector<std::unique_ptr<Entry>> entries_;
    std::vector<detail::Failure> failures_;
    bool dropping_ = false;
    CreationSite site_;
};

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/stack.ipp>
#endif
