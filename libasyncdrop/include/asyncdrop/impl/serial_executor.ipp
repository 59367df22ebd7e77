// The strand behind serial_executor(); see detail/serial_executor.hpp.
#pragma once

#include <asyncdrop/detail/serial_executor.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/prefer_only.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

// A property out of the wrapper that any_io_executor puts around some.
template <class Property>
struct Plain {
    using type = Property;
};
template <class Property>
struct Plain<boost::asio::execution::prefer_only<Property>> {
    using type = Property;
};

// Whether execute() may run its function itself: the property or one of its values.
template <class Property>
concept Blocking = std::is_convertible_v<typename Plain<Property>::type, boost::asio::execution::blocking_t>;

class SerialExecutor {
  public:
    using Strand = boost::asio::strand<boost::asio::any_io_executor>;

    // Not a constructor: whether this class is an executor must not depend on a conversion from executors.
    static SerialExecutor of(const boost::asio::any_io_executor& inner) {
        return wrap(boost::asio::make_strand(inner), false);
    }

    template <class Function>
    void execute(Function&& function) const {
        strand_->execute(std::forward<Function>(function));
    }

    // Known here, since it is asked often, and any_io_executor allocates each answer.
    template <Blocking Property>
    boost::asio::execution::blocking_t query(const Property&) const noexcept {
        if (never_blocks_) return boost::asio::execution::blocking.never;
        return boost::asio::execution::blocking.possibly;
    }

    template <class Property>
        requires(!Blocking<Property> && boost::asio::can_query_v<const Strand&, Property>)
    decltype(auto) query(const Property& property) const {
        return boost::asio::query(*strand_, property);
    }

    template <class Property>
        requires(boost::asio::can_require_v<const Strand&, Property>)
    SerialExecutor require(const Property& property) const {
        return wrap(boost::asio::require(*strand_, property), never_blocks_after(property));
    }

    template <class Property>
        requires(boost::asio::can_prefer_v<const Strand&, Property>)
    SerialExecutor prefer(const Property& property) const {
        return wrap(boost::asio::prefer(*strand_, property), never_blocks_after(property));
    }

    friend bool operator==(const SerialExecutor& a, const SerialExecutor& b) noexcept {
        return *a.strand_ == *b.strand_;
    }
    friend bool operator!=(const SerialExecutor& a, const SerialExecutor& b) noexcept { return !(a == b); }

  private:
    template <class Property>
    bool never_blocks_after(const Property&) const noexcept {
        using Never = boost::asio::execution::blocking_t::never_t;
        return Blocking<Property> ? std::is_same_v<typename Plain<Property>::type, Never> : never_blocks_;
    }
    static SerialExecutor wrap(Strand strand, bool never_blocks) {
        return SerialExecutor(std::make_shared<const Strand>(std::move(strand)), never_blocks);
    }
    SerialExecutor(std::shared_ptr<const Strand> strand, bool never_blocks) noexcept
        : strand_(std::move(strand)), never_blocks_(never_blocks) {}

    std::shared_ptr<const Strand> strand_;
    bool never_blocks_;
};

ASYNCDROP_DECL boost::asio::any_io_executor serial_executor(const boost::asio::any_io_executor& inner) {
    return SerialExecutor::of(inner);
}

}  // namespace asyncdrop::detail
