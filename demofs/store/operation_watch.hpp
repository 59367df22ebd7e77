// Which operations of a store are under way, and since when: a store that does not answer is seen by the oldest.
//
// An operation is an entry in the frame of the coroutine that waits for it, so that watching costs no memory and
// a look at the clock.
//
// Threads: the store's strand. Entries that are left when the watch is gone belong to nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "demofs/store/store_operation.hpp"

namespace demofs::store {

class OperationWatch {
  public:
    using Clock = std::chrono::steady_clock;

    /// An operation, from the making of this to its end.
    class Entry {
      public:
        /// `object` outlives this, and is empty for what concerns the whole store. `watch` may be null.
        Entry(OperationWatch* watch, OperationKind kind, std::string_view object) noexcept;
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        ~Entry();

      private:
        friend class OperationWatch;
        OperationWatch* watch_;
        OperationKind kind_;
        std::string_view object_;
        Clock::time_point begun_;
        Entry* older_ = nullptr;
        Entry* newer_ = nullptr;
    };

    /// A copy of what an entry says.
    struct Operation {
        OperationKind kind = OperationKind::list;
        std::string object;
        Clock::time_point begun;
    };

    OperationWatch() = default;
    OperationWatch(const OperationWatch&) = delete;
    OperationWatch& operator=(const OperationWatch&) = delete;
    ~OperationWatch();

    /// Nothing: none is under way.
    [[nodiscard]] std::optional<Operation> oldest() const;

  private:
    Entry* oldest_ = nullptr;
    Entry* newest_ = nullptr;
};

/// "sync of 5f0c19ae…", "list".
[[nodiscard]] std::string operation_text(const OperationWatch::Operation& operation);

}  // namespace demofs::store
