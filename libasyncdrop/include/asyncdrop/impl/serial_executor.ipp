// The strand behind serial_executor(); see detail/serial_executor.hpp.
#pragma once

#include <asyncdrop/detail/serial_executor.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <utility>

namespace asyncdrop::detail {

class SerialExecutor {
  public:
    using Strand = boost::asio::strand<boost::asio::any_io_executor>;

    // Not a constructor: whether this class is an executor must not depend on a conversion from executors.
    static SerialExecutor of(const boost::asio::any_io_executor& inner) {
        return wrap(boost::asio::make_strand(inner));
    }

    template <class Function>
    void execute(Function&& function) const {
        strand_->execute(std::forward<Function>(function));
    }

    template <class Property>
        requires(boost::asio::can_query_v<const Strand&, Property>)
    decltype(auto) query(const Property& property) const {
        return boost::asio::query(*strand_, property);
    }

    template <class Property>
        requires(boost::asio::can_require_v<const Strand&, Property>)
    SerialExecutor require(const Property& property) const {
        return wrap(boost::asio::require(*strand_, property));
    }

    template <class Property>
        requires(boost::asio::can_prefer_v<const Strand&, Property>)
    SerialExecutor prefer(const Property& property) const {
        return wrap(boost::asio::prefer(*strand_, property));
    }

    friend bool operator==(const SerialExecutor& a, const SerialExecutor& b) noexcept {
        return *a.strand_ == *b.strand_;
    }
    friend bool operator!=(const SerialExecutor& a, const SerialExecutor& b) noexcept { return !(a == b); }

  private:
    static SerialExecutor wrap(Strand strand) {
        return SerialExecutor(std::make_shared<const Strand>(std::move(strand)));
    }
    explicit SerialExecutor(std::shared_ptr<const Strand> strand) noexcept : strand_(std::move(strand)) {}

    std::shared_ptr<const Strand> strand_;
};

ASYNCDROP_DECL boost::asio::any_io_executor serial_executor(const boost::asio::any_io_executor& inner) {
    return SerialExecutor::of(inner);
}

}  // namespace asyncdrop::detail
