// The executor that a teardown node's cleanup runs on: the node's own executor, plus the knowledge of
// which graph's teardown it belongs to. Everything a cleanup spawns on its own executor inherits it, so
// "run() from inside a node's cleanup" can be told from a harmless second run() and refused instead of
// waiting for itself for ever.
//
// Threads: immutable after construction; copies may be used concurrently.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <cstdint>
#include <memory>
#include <utility>

namespace asyncdrop::detail {

// One shared pointer, so that it lies inside an any_io_executor instead of behind another reference count.
class TeardownExecutor {
  public:
    using Inner = boost::asio::any_io_executor;
    using Graph = std::uint64_t;  // the number of a graph

    TeardownExecutor(Inner inner, Graph graph)
        : content_(std::make_shared<const Content>(std::move(inner), graph)) {}

    // The executor that work really runs on.
    [[nodiscard]] const Inner& inner() const noexcept { return content_->inner; }

    // Whether `executor` was handed to a cleanup of the teardown of `graph`, or to one of a graph that is
    // torn down by such a cleanup.
    [[nodiscard]] static bool belongs_to(const Inner& executor, Graph graph) noexcept {
        const auto* self = executor.target<TeardownExecutor>();
        while (self != nullptr && self->content_->graph != graph) {
            self = self->content_->inner.target<TeardownExecutor>();
        }
        return self != nullptr;
    }

    template <class Function>
    void execute(Function&& function) const {
        content_->inner.execute(std::forward<Function>(function));
    }

    template <class Property>
        requires(boost::asio::can_query_v<const Inner&, Property>)
    decltype(auto) query(const Property& property) const {
        return boost::asio::query(content_->inner, property);
    }

    template <class Property>
        requires(boost::asio::can_require_v<const Inner&, Property>)
    TeardownExecutor require(const Property& property) const {
        return TeardownExecutor(boost::asio::require(content_->inner, property), content_->graph);
    }

    template <class Property>
        requires(boost::asio::can_prefer_v<const Inner&, Property>)
    TeardownExecutor prefer(const Property& property) const {
        return TeardownExecutor(boost::asio::prefer(content_->inner, property), content_->graph);
    }

    friend bool operator==(const TeardownExecutor& a, const TeardownExecutor& b) noexcept {
        return a.content_->graph == b.content_->graph && a.content_->inner == b.content_->inner;
    }
    friend bool operator!=(const TeardownExecutor& a, const TeardownExecutor& b) noexcept {
        return !(a == b);
    }

  private:
    struct Content {
        Content(Inner i, Graph g) noexcept : inner(std::move(i)), graph(g) {}
        Inner inner;
        Graph graph;
    };

    std::shared_ptr<const Content> content_;
};

}  // namespace asyncdrop::detail
