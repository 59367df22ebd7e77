// The drop of one guard by a bracket, and how it ended: with an exception (with_async_drop) or with a value
// (try_with_async_drop). Both have the same steps:
//
//     need_no_shield()   nobody can cancel the caller
//     start()            the awaitable; of nothing, or of a DropResult for note()
//     note_thrown()      in a catch block
//     finish()           after the await, however it ended
//     failed(), not_begun(), failure()
//
// Threads: as the bracket.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/detail/awaited.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/run_drop.hpp>
#include <asyncdrop/error.hpp>
#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <exception>
#include <optional>
#include <utility>

namespace asyncdrop::detail {

// Drops what need not be waited for: plain cleanup, or a share that is not the last one. False: await the
// drop.
template <class G>
bool drop_at_once(G& guard) noexcept {
    if constexpr (requires { guard.drop_now(); }) {
        guard.drop_now();
        return true;
    } else if constexpr (requires { guard.try_release(); }) {
        return guard.try_release();
    } else {
        return false;
    }
}

// Whether a bracket may await G's cleanup itself, without the coroutine of G's async_drop in between. To be
// asked where the bracket cannot be cancelled: that coroutine is the shield.
template <class G>
concept CleansUpPlainly = requires(G& guard) {
    { CoreAccess::operation(guard).start(NoExecutor()) } -> std::same_as<asio::awaitable<void>>;
};

// Where it may, it awaits the cleanup itself; what has been started is finished also if it has failed.
template <class G>
class DropByException {
  public:
    explicit DropByException(G& guard) noexcept : guard_(&guard) {}

    void need_no_shield() noexcept { plain_ = true; }

    asio::awaitable<void> start() {
        error = nullptr;
        if constexpr (CleansUpPlainly<G>) {
            const auto operation = CoreAccess::operation(*guard_);
            if (plain_ && operation.core().wants_drop(operation.type())) {
                asio::awaitable<void> cleanup = operation.start(NoExecutor());
                operation.core().begin_drop();
                run_.begin(operation.core());
                return cleanup;
            }
        }
        plain_ = false;
        return guard_->async_drop();
    }
    void note_thrown() noexcept {
        if constexpr (CleansUpPlainly<G>) {
            if (plain_) {
                error = detail::note_thrown(CoreAccess::operation(*guard_));
                return;
            }
        }
        error = std::current_exception();
    }
    void finish() noexcept {
        if constexpr (CleansUpPlainly<G>) {
            const auto operation = CoreAccess::operation(*guard_);
            run_.end();
            if (plain_ && operation.core().dropping()) operation.finish();
        }
    }

    bool failed() const noexcept { return error != nullptr; }
    bool not_begun() const noexcept { return failed() && wants_drop(*guard_); }
    Failure failure() const noexcept {
        return Failure(error, resource_name_of(*guard_), creation_site_of(*guard_));
    }

    std::exception_ptr error;

  private:
    G* guard_;
    bool plain_ = false;
    DropRun run_;
};

// The error type of what try_async_drop() of a G returns.
template <class G>
using try_drop_error_t = typename Awaited<decltype(std::declval<G&>().try_async_drop())>::type::error_type;

// The error is a value, or an exception if it cannot be told as one.
template <class G>
class DropByValue {
  public:
    using Error = try_drop_error_t<G>;

    explicit DropByValue(G& guard) noexcept : guard_(&guard) {}

    void need_no_shield() noexcept {}

    asio::awaitable<DropResult<Error>> start() {
        error.reset();
        thrown = nullptr;
        return guard_->try_async_drop();
    }
    void note(const DropResult<Error>& result) {
        if (result.has_error()) error.emplace(result.error());
    }
    void note_thrown() noexcept { thrown = std::current_exception(); }
    void finish() noexcept {}

    bool failed() const noexcept { return error || thrown; }
    bool not_begun() const noexcept { return failed() && wants_drop(*guard_); }
    // With the exception only.
    Failure failure() const noexcept {
        return Failure(thrown, resource_name_of(*guard_), creation_site_of(*guard_));
    }

    std::optional<Error> error;
    std::exception_ptr thrown;

  private:
    G* guard_;
};

}  // namespace asyncdrop::detail
