// What happened, in order.
//
// Threads: may be used from any thread.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

class Journal {
  public:
    void add(std::string event) {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
    }
    std::vector<std::string> events() const {
        const std::lock_guard lock(mutex_);
        return events_;
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        events_.clear();
    }
    /// The place of an event, -1 if it has not happened.
    int place_of(const std::string& event) const {
        const std::lock_guard lock(mutex_);
        const auto found = std::find(events_.begin(), events_.end(), event);
        return found == events_.end() ? -1 : static_cast<int>(found - events_.begin());
    }
    bool contains(const std::string& event) const { return place_of(event) >= 0; }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> events_;
};
