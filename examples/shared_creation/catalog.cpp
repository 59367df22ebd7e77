#include "catalog.hpp"

#include <cstddef>
#include <stdexcept>
#include <utility>

namespace shared_creation {

namespace {

constexpr std::size_t max_indexes = 1000;

}  // namespace

Catalog::Catalog(asyncdrop::Passkey<Catalog>, asio::any_io_executor disk)
    : disk_(std::move(disk)),
      indexes_(Indexes::create([this](const std::string& file) { return load(file); },
                               asyncdrop::WhenUnused::keep)) {}

asio::awaitable<asyncdrop::AsyncDropBox<Index>> Catalog::get(const std::string& file) const {
    return indexes_->get(file);
}

// Called when there is no index of this file, and counted already.
asio::awaitable<asyncdrop::AsyncDropBox<Index>> Catalog::load(const std::string& file) const {
    if (indexes_->size() > max_indexes) throw std::runtime_error("too many files");
    return Index::load(disk_, file);
}

}  // namespace shared_creation
