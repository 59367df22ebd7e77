// AsyncDropGate: entry for those who use something together, and whose end its cleanup waits for.
//
//     auto requests = asyncdrop::AsyncDropGate::create();        // a guard of the gate
//     {
//         const auto pass = requests->enter("GET /index.html");  // throws GateClosed once the drop has begun
//         co_await answer(...);
//     }                                                          // out again, also by an exception
//     co_await requests.async_drop();                            // closes entry, waits until all are out
//
// Contract:
//  * any number may be inside at the same time, and each may take as long as it wants;
//  * once the drop has begun nobody gets in; the drop returns when the last one is out;
//  * who is inside, since when, and where it came in, can be asked at any moment, and stands in the sentences
//    of a TeardownGraph that has to wait for the gate;
//  * a gate has no means to hurry anybody: a drop that is itself cancelled (cancel_after of a
//    TeardownGraph) goes on waiting. Tasks that can be cancelled belong into an AsyncDropScope.
// A coroutine that drops a gate while it holds a pass of it waits for itself.
//
// Entering takes no turn of the executor and no memory, but for a name that is longer than a std::string
// holds in itself.
//
// Threads: enter and its relatives, and the end of a pass, from any thread; one pass from one strand; the
// drop like any guard's.
#pragma once

#include <asyncdrop/detail/gate_state.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/occupant.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asyncdrop {

/// What enter() throws once the gate is being dropped.
class GateClosed : public std::runtime_error {
  public:
    GateClosed();
};

/// Shared entry, which its drop closes; the drop waits until everybody is out.
class AsyncDropGate {
    using State = std::shared_ptr<detail::GateState>;

  public:
    /// Being inside, until it is destroyed or leave() is called. It may outlive the AsyncDropGate object. A
    /// default-constructed one is not inside anything.
    class Pass {
      public:
        Pass() noexcept = default;
        /// Leaves `other` outside.
        Pass(Pass&& other) noexcept { take(other); }
        /// Leaves first where this was inside before.
        Pass& operator=(Pass&& other) noexcept {
            if (this != &other) {
                leave();
                take(other);
            }
            return *this;
        }
        Pass(const Pass&) = delete;
        Pass& operator=(const Pass&) = delete;
        ~Pass() { leave(); }

        /// Goes out; nothing happens if this is not inside.
        void leave() noexcept {
            if (const State gate = std::exchange(gate_, nullptr)) gate->leave(visitor_);
        }

        /// Whether this is inside.
        explicit operator bool() const noexcept { return gate_ != nullptr; }

      private:
        friend class AsyncDropGate;

        Pass(const State& gate, std::string_view name, CreationSite site) {
            visitor_.name = name;
            visitor_.site = site;
            if (gate->enter(visitor_)) gate_ = gate;
        }

        void take(Pass& other) noexcept {
            gate_ = std::exchange(other.gate_, nullptr);
            if (gate_) gate_->replace(other.visitor_, visitor_);
        }

        State gate_;
        detail::GateVisitor visitor_;
    };

    /// For make_guard and make_box.
    explicit AsyncDropGate(Passkey<AsyncDropGate>);

    /// A guarded gate that is open.
    static AsyncDropGuard<AsyncDropGate> create(CreationSite site = CreationSite::here());

    AsyncDropGate(AsyncDropGate&&) noexcept = default;
    AsyncDropGate& operator=(AsyncDropGate&&) = delete;

    /// Goes in; `name` and `site` are what reports say. Errors: GateClosed once the drop has
    /// begun; std::bad_alloc for a long name.
    [[nodiscard("who does not keep the pass is out again at once")]] Pass enter(
        std::string_view name = {}, CreationSite site = CreationSite::here()) const;

    /// The same; nothing once the drop has begun.
    [[nodiscard("who does not keep the pass is out again at once")]] std::optional<Pass> try_enter(
        std::string_view name = {}, CreationSite site = CreationSite::here()) const;

    /// How many are inside.
    std::size_t size() const noexcept { return state_->size(); }
    /// Whether nobody gets in any more.
    bool closed() const noexcept { return state_->closed(); }
    /// Who is inside, the oldest first.
    [[nodiscard]] std::vector<Occupant> occupants() const { return state_->occupants(); }

    /// Closes entry and waits until everybody is out. Called by the guard.
    asio::awaitable<void> async_drop_impl();

    /// What the drop waits for, for a TeardownGraph's sentences.
    std::function<std::string()> drop_progress() const;

  private:
    static asio::awaitable<void> drain(State state, asio::awaitable<void> over);

    State state_;
};

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/gate.ipp>
#endif
