// Files kept open for reading, the least recently used closed first. Belongs to the store's strand; a file
// that is being read stays open until that read ends, because the reader shares it.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "demofs/store/io/data_file.hpp"

namespace demofs::store {

class OpenFileCache {
  public:
    using File = std::shared_ptr<const DataFile>;

    /// Keeps at most `capacity` files, at least one.
    explicit OpenFileCache(std::size_t capacity) : capacity_(capacity > 0 ? capacity : 1) {}

    /// The open file, which becomes the most recently used; null if there is none.
    [[nodiscard]] File find(const std::string& name);
    /// Keeps `file`, unless one of this name is kept already.
    void insert(const std::string& name, File file);
    void erase(const std::string& name);
    void clear();

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  private:
    struct Entry {
        std::string name;
        File file;
    };
    using Order = std::list<Entry>;  // most recently used first

    std::size_t capacity_;
    Order order_;
    std::unordered_map<std::string, Order::iterator> entries_;
};

}  // namespace demofs::store
