// One large read in the good case; pages only where it failed.
#include "demofs/store/lenient_object_store.hpp"

#include <algorithm>
#include <exception>

#include "demofs/base/error.hpp"

namespace demofs::store {
namespace {

constexpr std::uint64_t page_bytes = 4096;

[[noreturn]] void refuse() {
    throw Error(std::errc::read_only_file_system, "A store that is being salvaged is only read");
}

bool no_such_object(const std::exception_ptr& error) {
    return has_code(error, std::make_error_code(std::errc::no_such_file_or_directory));
}

}  // namespace

asyncdrop::AsyncDropBox<LenientObjectStore> LenientObjectStore::make(ObjectStore& below) {
    return asyncdrop::make_box<LenientObjectStore>(below);
}

asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> LenientObjectStore::create(std::string) {
    refuse();
    co_return asyncdrop::AsyncDropBox<ObjectWriter>();
}

asio::awaitable<std::size_t> LenientObjectStore::read(std::string name, std::uint64_t offset,
                                                      MutableByteSpan out) {
    std::exception_ptr error;
    try {
        const std::size_t size = co_await below_.read(name, offset, out);
        co_return size;
    } catch (const Error&) {
        error = std::current_exception();
    }
    if (no_such_object(error)) std::rethrow_exception(error);
    const std::size_t size = co_await read_by_page(name, offset, out);
    co_return size;
}

asio::awaitable<std::size_t> LenientObjectStore::read_by_page(std::string name, std::uint64_t offset,
                                                              MutableByteSpan out) {
    std::size_t done = 0;
    while (done < out.size()) {
        const std::uint64_t at = offset + done;
        const std::uint64_t to_boundary = page_bytes - at % page_bytes;
        const MutableByteSpan page =
            out.subspan(done, std::min<std::uint64_t>(to_boundary, out.size() - done));
        std::size_t size = page.size();
        std::exception_ptr error;
        try {
            size = co_await below_.read(name, at, page);
        } catch (const Error&) {
            error = std::current_exception();
        }
        if (no_such_object(error)) std::rethrow_exception(error);
        if (error) {
            std::ranges::fill(page, std::byte{0});
            unreadable_bytes_ += page.size();
        }
        done += size;
        if (size < page.size()) break;  // the object's end
    }
    co_return done;
}

std::optional<std::size_t> LenientObjectStore::try_read(const std::string& name, std::uint64_t offset,
                                                        MutableByteSpan out) noexcept {
    return below_.try_read(name, offset, out);
}

asio::awaitable<std::vector<ObjectInfo>> LenientObjectStore::list() {
    return below_.list();
}

asio::awaitable<void> LenientObjectStore::remove(std::string) {
    refuse();
    co_return;
}

asio::awaitable<StoreSpace> LenientObjectStore::space() {
    return below_.space();
}

asio::awaitable<void> LenientObjectStore::async_drop_impl() {
    co_return;  // what is below is somebody else's
}

}  // namespace demofs::store
