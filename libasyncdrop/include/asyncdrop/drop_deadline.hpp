// Deadlines on one drop: how long a cleanup may take, and what happens then.
//
//     co_await asyncdrop::async_drop_for(file, 5s);                                 // cancelled after 5 seconds
//     co_await asyncdrop::async_drop_for(file, warn_after(1s), cancel_after(5s), abandon_after(10s));
//     co_await asyncdrop::with_async_drop(open, use, asyncdrop::drop_deadline(5s));  // each drop of the bracket
//
// The three steps are those of a TeardownGraph, with the same meaning; a graph of one node does the work:
//  * warn_after: says so, again and again, like every graph after five seconds by default;
//  * cancel_after: the cleanup itself sees a cancellation, as it sees none otherwise, and is waited for all
//    the same. For cleanups that are written for it, and for scopes, whose tasks are asked to cancel then;
//  * abandon_after: nobody waits any more, and TeardownError abandoned is thrown. The cleanup goes on by
//    itself: what it uses must live as long as its context. So a bracket that abandons a resource is the
//    outermost one, or the resource uses no other.
// A duration alone means cancel_after: it asks, and leaves nothing behind. One that is too long for the clock
// means never.
//
// Cancellation of the caller: as with every drop.
//
// Threads: the cleanup runs on the caller's executor, on a strand of its own if it may be cancelled.
#pragma once

#include <asyncdrop/detail/awaited.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/saturated.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/teardown_handle.hpp>
#include <asyncdrop/teardown_settings.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace asyncdrop {

/// How long a drop may take; made by drop_deadline().
class DropDeadline {
  public:
    /// A span of the steady clock; its max() means never.
    using Duration = Deadline::Duration;

    /// No deadline; use drop_deadline() instead.
    DropDeadline() = default;

    /// One more step; of two of a kind the last one counts.
    void add(const Deadline& step) noexcept {
        switch (step.kind()) {
            case Deadline::Kind::warn:
                warn_after_ = step.duration();
                break;
            case Deadline::Kind::cancel:
                cancel_after_ = step.duration();
                break;
            case Deadline::Kind::abandon:
                abandon_after_ = step.duration();
                break;
        }
    }
    /// A duration alone: cancel_after.
    template <class Rep, class Period>
    void add(std::chrono::duration<Rep, Period> duration) noexcept {
        cancel_after_ = detail::saturated(duration);
    }

    /// Whether the cleanup may be left to itself.
    bool abandons() const noexcept { return abandon_after_ && *abandon_after_ != Duration::max(); }

    /// The same as settings of a graph, whose other settings have their defaults.
    TeardownSettings settings() const {
        TeardownSettings settings;
        if (warn_after_) settings.warn_after = warn_after_;
        settings.cancel_after = cancel_after_;
        settings.abandon_after = abandon_after_;
        return settings;
    }

  private:
    std::optional<Duration> warn_after_;
    std::optional<Duration> cancel_after_;
    std::optional<Duration> abandon_after_;
};

/// A deadline for async_drop_for() or with_async_drop(): any of warn_after(d), cancel_after(d) and
/// abandon_after(d), or a duration, which is cancel_after.
template <class... Steps>
    requires(sizeof...(Steps) > 0)
[[nodiscard]] DropDeadline drop_deadline(const Steps&... steps) noexcept {
    DropDeadline deadline;
    (deadline.add(steps), ...);
    return deadline;
}

namespace detail {

template <class Owner>
asio::awaitable<void> drop_within(Owner& owner, DropDeadline deadline) {
    if (wants_drop(owner)) {
        const CreationSite site = creation_site_of(owner);
        const auto make_graph = [&] { return TeardownGraph::create(deadline.settings(), site); };
        const auto fill = [&](TeardownGraph& graph) {
            const std::string name(resource_name_of(owner));
            if (deadline.abandons()) {
                graph.add(name, std::move(owner));
            } else {
                graph.add_borrowed(name, owner);
            }
        };
        co_await with_async_drop(make_graph, fill);  // the graph's drop tears down, and throws the error
    }
    co_await asio::this_coro::throw_if_cancelled(true);
}

// What a bracket holds instead of a guard, so that its drop has a deadline. Guard is a reference for one that
// is borrowed.
template <class Guard>
class Timed {
    using Plain = std::remove_reference_t<Guard>;

  public:
    Timed(Guard&& guard, const DropDeadline& deadline)
        : guard_(std::forward<Guard>(guard)), deadline_(deadline) {}

    asio::awaitable<void> async_drop() & { return drop_within<Plain>(guard_, deadline_); }
    bool is_dropped() const noexcept { return !static_cast<bool>(*this); }
    explicit operator bool() const noexcept { return wants_drop(std::as_const(guard_)); }
    auto& operator*() noexcept { return *guard_; }
    auto resource_name() const noexcept { return resource_name_of(std::as_const(guard_)); }
    CreationSite creation_site() const noexcept { return creation_site_of(std::as_const(guard_)); }

  private:
    Guard guard_;
    DropDeadline deadline_;
};

// A factory of timed guards, in the place of a factory of guards.
template <class F>
class TimedFactory {
  public:
    TimedFactory(F&& factory, const DropDeadline& deadline)
        : factory_(std::move(factory)), deadline_(deadline) {}

    template <class... Values>
        requires std::invocable<F&, Values&...>
    auto operator()(Values&... values) {
        using Made = std::invoke_result_t<F&, Values&...>;
        using Guard = typename Awaited<Made>::type;
        static_assert(ResourceOwner<Guard>, "drop_deadline is for guards, boxes and Arcs");
        if constexpr (Awaited<Made>::is_awaitable) {
            return wait<Guard, typename Awaited<Made>::executor_type>(std::invoke(factory_, values...),
                                                                      deadline_);
        } else {
            return Timed<Guard>(std::invoke(factory_, values...), deadline_);
        }
    }

  private:
    template <class Guard, class Executor>
    static asio::awaitable<Timed<Guard>, Executor> wait(asio::awaitable<Guard, Executor> making,
                                                        DropDeadline deadline) {
        Guard guard = co_await std::move(making);
        co_return Timed<Guard>(std::move(guard), deadline);
    }

    F factory_;
    DropDeadline deadline_;
};

// A guard that exists already, as such a factory.
template <class G>
class TimedBorrow {
  public:
    TimedBorrow(G& guard, const DropDeadline& deadline) noexcept : guard_(&guard), deadline_(deadline) {}
    Timed<G&> operator()() const { return Timed<G&>(*guard_, deadline_); }

  private:
    G* guard_;
    DropDeadline deadline_;
};

template <class S>
auto timed_source(S&& source, const DropDeadline& deadline) {
    using Plain = std::remove_cvref_t<S>;
    if constexpr (Droppable<Plain>) {
        static_assert(std::is_lvalue_reference_v<S>,
                      "with_async_drop takes a guard by reference: name the guard, or pass a factory");
        static_assert(ResourceOwner<Plain>, "drop_deadline is for guards, boxes and Arcs");
        return TimedBorrow<Plain>(source, deadline);
    } else {
        return TimedFactory<Plain>(Plain(std::forward<S>(source)), deadline);
    }
}

template <std::size_t... Source, std::size_t... Other, class Arguments>
auto timed_brackets(std::index_sequence<Source...>, std::index_sequence<Other...>, Arguments& arguments,
                    const DropDeadline& deadline) {
    return with_async_drop(
        timed_source(std::forward<std::tuple_element_t<Source, Arguments>>(std::get<Source>(arguments)),
                     deadline)...,
        std::forward<std::tuple_element_t<sizeof...(Source) + Other, Arguments>>(
            std::get<sizeof...(Source) + Other>(arguments))...);
}

template <class... Args>
auto timed_bracket(const DropDeadline& deadline, Args&&... args) {
    using Arguments = std::tuple<Args&&...>;
    constexpr std::size_t count = sizeof...(Args);
    using Last = std::remove_cvref_t<std::tuple_element_t<count - 1, Arguments>>;
    constexpr std::size_t others = is_error_map<Last> ? 2 : 1;  // the body, and perhaps an error map
    static_assert(count > others, "with_async_drop takes at least one factory or guard and a body");
    Arguments arguments(std::forward<Args>(args)...);
    return timed_brackets(std::make_index_sequence<count - others>(), std::make_index_sequence<others>(),
                          arguments, deadline);
}

}  // namespace detail

/// Drops the resource of a guard, box or Arc within a deadline: steps as drop_deadline() takes them.
///
/// Errors: as async_drop(); with abandon_after, TeardownError abandoned. Without abandon_after the resource
/// is dropped where it is; with it, it is moved out of `owner` first, which is left empty. An empty or
/// dropped owner: success, nothing happens. std::bad_alloc before the cleanup has begun leaves `owner` armed.
/// Cancellation: shielded once it has started; a cancelled coroutine awaits even_if_cancelled before.
/// `owner` must stay where it is until the awaitable has completed.
template <detail::ResourceOwner Owner, class... Steps>
[[nodiscard("async_drop_for does nothing until it is awaited")]] asio::awaitable<void> async_drop_for(
    Owner& owner, const Steps&... steps) {
    return detail::drop_within(owner, drop_deadline(steps...));
}

/// with_async_drop() with a deadline on the drop of each of its resources: the arguments of a bracket with one
/// or more sources (six arguments at most), which are guards, boxes or Arcs or make them, and a
/// drop_deadline().
template <class A, class B>
[[nodiscard]] auto with_async_drop(A&& a, B&& b, DropDeadline deadline) {
    return detail::timed_bracket(deadline, std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B, class C>
[[nodiscard]] auto with_async_drop(A&& a, B&& b, C&& c, DropDeadline deadline) {
    return detail::timed_bracket(deadline, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
}
template <class A, class B, class C, class D>
[[nodiscard]] auto with_async_drop(A&& a, B&& b, C&& c, D&& d, DropDeadline deadline) {
    return detail::timed_bracket(deadline, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                                 std::forward<D>(d));
}
template <class A, class B, class C, class D, class E>
[[nodiscard]] auto with_async_drop(A&& a, B&& b, C&& c, D&& d, E&& e, DropDeadline deadline) {
    return detail::timed_bracket(deadline, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                                 std::forward<D>(d), std::forward<E>(e));
}
template <class A, class B, class C, class D, class E, class F>
[[nodiscard]] auto with_async_drop(A&& a, B&& b, C&& c, D&& d, E&& e, F&& f, DropDeadline deadline) {
    return detail::timed_bracket(deadline, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                                 std::forward<D>(d), std::forward<E>(e), std::forward<F>(f));
}

}  // namespace asyncdrop
