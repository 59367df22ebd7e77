// TeardownGraph: the resources of a program and who uses whom, torn down in that order.
//
//     auto graph = asyncdrop::TeardownGraph::create();
//     auto store = graph->add("store", std::move(store_guard));
//     auto cache = graph->add("cache", std::move(cache_guard), uses(store), asyncdrop::on(executor));
//     graph->add_task("stop the session", [&session] { return session.stop(); }, uses(cache));
//     ...
//     asyncdrop::TeardownReport report = co_await graph->run();
//     log(report.to_text());
//     co_await graph.async_drop();
//
// Contract:
//  * "A uses B": A's cleanup ends before B's begins. Nodes that do not depend on each other are cleaned up
//    concurrently, each on its own executor (the one of run()'s caller if none was given);
//  * a cleanup that fails does not stop the others; every error is in the report;
//  * add() takes the guard only if it succeeds: after a TeardownError it is still the caller's;
//  * the teardown happens once. A second run() joins the first and gets the same report; run() from inside
//    one of the cleanups (a coroutine on the executor the cleanup was given) is refused;
//  * once begun, the teardown needs neither its caller nor the graph object to come to its end;
//  * an executor given with on() must be running until the teardown has ended.
//  * a resource that can tell what its cleanup waits for has `std::function<std::string()> drop_progress()
//    const`: what that returns is called for each sentence about the node, from any thread, also when the
//    resource is gone; it must not call the graph.
// The graph is itself an AsyncDrop: dropping it runs the teardown if nobody did, and throws the errors unless
// a run() has delivered its report.
//
// Threads: add and its relatives from one strand; get(), so_far() and run() from any thread. Sinks and cleanups
// are called without any lock held.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/detail/teardown_node.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <asyncdrop/teardown_error.hpp>
#include <asyncdrop/teardown_handle.hpp>
#include <asyncdrop/teardown_report.hpp>
#include <asyncdrop/teardown_settings.hpp>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace asyncdrop {

namespace detail {
class TeardownState;
}

/// The resources of a program and who uses whom, torn down in that order.
class TeardownGraph {
  public:
    /// For make_guard and make_box.
    explicit TeardownGraph(Passkey<TeardownGraph>, TeardownSettings settings = TeardownSettings());

    /// A guarded empty graph.
    static AsyncDropGuard<TeardownGraph> create(CreationSite site = CreationSite::here());
    static AsyncDropGuard<TeardownGraph> create(TeardownSettings settings,
                                                CreationSite site = CreationSite::here());

    TeardownGraph(TeardownGraph&&) noexcept = default;
    TeardownGraph& operator=(TeardownGraph&&) = delete;

    /// Hands a resource over: a guard, a box or an Arc that holds one. Options: uses(handles...),
    /// on(executor), warn_after(d), cancel_after(d), abandon_after(d).
    ///
    /// Errors, all of which leave `owner` untouched: TeardownError duplicate_name, closed (the teardown has
    /// begun), empty_guard, unknown_node (a handle of another graph); std::bad_alloc.
    template <class Owner, class... Options>
        requires(!std::is_lvalue_reference_v<Owner> && detail::ResourceOwner<Owner>)
    NodeHandle<detail::dropped_value_t<Owner>> add(NodeName name, Owner&& owner, Options&&... options) {
        check_live(name, owner);
        auto node = std::make_unique<detail::OwnedNode<Owner>>(owner);
        describe(*node, owner);
        const std::size_t index = insert(std::move(node), std::move(name), std::forward<Options>(options)...);
        return NodeHandle<detail::dropped_value_t<Owner>>(identity(), index);
    }

    /// Registers a resource that stays its owner's: the teardown drops it where it is. The owner's guard must
    /// neither move nor die until the graph is gone or its cleanup has ended (a misuse, which ends the
    /// program).
    ///
    /// Errors: as add(), and already_borrowed if the guard is a borrowed node already, of this graph or
    /// another.
    template <class Owner, class... Options>
        requires(detail::ResourceOwner<Owner>)
    NodeHandle<detail::dropped_value_t<Owner>> add_borrowed(NodeName name, Owner& owner,
                                                            Options&&... options) {
        check_live(name, owner);
        if (detail::BorrowedNode<Owner>::is_borrowed(owner)) refuse_borrowed(name);
        auto node = std::make_unique<detail::BorrowedNode<Owner>>(owner);
        describe(*node, owner);
        const std::size_t index = insert(std::move(node), std::move(name), std::forward<Options>(options)...);
        return NodeHandle<detail::dropped_value_t<Owner>>(identity(), index);
    }

    /// Registers a step that is no resource. `function` takes nothing and returns an awaitable<void>; it is
    /// called once, lives until its coroutine has ended, and may be a lambda with captures.
    template <class Function, class... Options>
        requires(std::same_as<decltype(detail::as_any(std::declval<std::decay_t<Function>&>()())),
                              asio::awaitable<void>>)
    NodeHandle<void> add_task(NodeName name, Function&& function, Options&&... options) {
        std::decay_t<Function> kept(std::forward<Function>(function));
        auto node = std::make_unique<detail::TaskNode<std::decay_t<Function>>>(std::move(kept));
        node->site = name.site();
        const std::size_t index = insert(std::move(node), std::move(name), std::forward<Options>(options)...);
        return NodeHandle<void>(identity(), index);
    }

    /// One more "user uses used". Known edges are ignored. Errors, which change nothing: TeardownError cycle
    /// (its text names the nodes), closed, unknown_node.
    void add_edge(const AnyNodeHandle& user, const AnyNodeHandle& used);

    /// The resource of a node, until its cleanup begins. Errors: TeardownError already_dropped, unknown_node.
    template <class T>
        requires(!std::is_void_v<T>)
    T& get(const NodeHandle<T>& handle) const {
        return *static_cast<T*>(value_of(handle));
    }

    /// Takes a resource out of the graph again; the returned owner, of the type that was added, wants its
    /// drop. Errors, which change nothing: TeardownError in_use (its text names the users), wrong_owner,
    /// closed, unknown_node. A released node leaves a word behind as long as the graph lives, so that its
    /// handle can name no other: keep what comes and goes in an AsyncDropHashMap, and make nodes of it in the
    /// end.
    template <class Owner>
    Owner release_as(const AnyNodeHandle& handle) {
        using Node = detail::OwnedNode<Owner>;
        const auto wanted = [](const detail::TeardownNode& node) noexcept {
            return dynamic_cast<const Node*>(&node) != nullptr;
        };
        const auto node = remove(handle, wanted);
        return std::move(static_cast<Node&>(*node).owner());
    }
    /// The same for a node that was added as an AsyncDropGuard.
    template <class T>
    AsyncDropGuard<T> release(const NodeHandle<T>& handle) {
        return release_as<AsyncDropGuard<T>>(handle);
    }

    /// Takes a node out of the graph that owns no resource: a borrowed one or a task. Errors as with release.
    void forget(const AnyNodeHandle& handle);

    /// Tears everything down, or joins the teardown that runs or is over, and returns the report.
    ///
    /// Errors: TeardownError run_from_cleanup; std::bad_alloc if the teardown could not even begin. A
    /// cleanup's error is not thrown, it is in the report. Cancellation: shielded once it has started, like a
    /// drop; a cancelled coroutine awaits even_if_cancelled before.
    [[nodiscard]] asio::awaitable<TeardownReport> run();

    /// The report as it stands: nodes that wait or are being dropped are in it as such, and while the
    /// teardown runs `ended` is now. From any thread, at any time.
    [[nodiscard]] TeardownReport so_far() const;

    /// Runs or joins the teardown; throws its errors (one as itself, several as an AsyncDropError) unless a
    /// run() has delivered the report. Called by the guard.
    asio::awaitable<void> async_drop_impl();

  private:
    using State = std::shared_ptr<detail::TeardownState>;
    using Flag = std::shared_ptr<std::atomic<bool>>;
    using Wanted = bool (*)(const detail::TeardownNode&) noexcept;

    static asio::awaitable<TeardownReport> run_and_note(State state, Flag delivered);
    static asio::awaitable<void> run_and_throw(State state, Flag delivered,
                                               asio::awaitable<TeardownReport> running);

    std::uint64_t identity() const noexcept;
    std::size_t index(const AnyNodeHandle& handle) const;
    void* value_of(const AnyNodeHandle& handle) const;
    std::unique_ptr<detail::TeardownNode> remove(const AnyNodeHandle& handle, Wanted wanted);
    std::size_t insert(std::unique_ptr<detail::TeardownNode> node);

    template <class Owner>
    static void check_live(const NodeName& name, const Owner& owner) {
        if (!owner) refuse_empty(name);
    }
    [[noreturn]] static void refuse_empty(const NodeName& name);
    [[noreturn]] static void refuse_borrowed(const NodeName& name);

    template <class Owner>
    static void describe(detail::TeardownNode& node, const Owner& owner) {
        node.type = detail::resource_name_of(owner);
        node.site = detail::creation_site_of(owner);
        if constexpr (requires { (*owner).drop_progress(); }) node.progress = (*owner).drop_progress();
    }

    template <class... Options>
    std::size_t insert(std::unique_ptr<detail::TeardownNode> node, NodeName name, Options&&... options) {
        node->name = std::move(name).take_text();
        (apply(*node, std::forward<Options>(options)), ...);
        return insert(std::move(node));
    }

    void apply(detail::TeardownNode& node, const NodeUses& uses) const;
    void apply(detail::TeardownNode& node, const NodeExecutor& on) const;
    void apply(detail::TeardownNode& node, const Deadline& deadline) const;

    State state_;
    Flag delivered_;
};

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/teardown_graph.ipp>
#endif
