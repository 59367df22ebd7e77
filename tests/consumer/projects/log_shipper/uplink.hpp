// Uplink: where batches of lines go. It is dialled once, by whoever needs it first, and shared by all.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/passkey.hpp>
#include <asyncdrop/shared.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace log_shipper {

namespace asio = boost::asio;

/// An interface without a virtual destructor or a virtual cleanup: the box that holds the real uplink knows.
class Uplink {
  public:
    using Batch = std::vector<std::string>;

    Uplink() = default;
    Uplink(const Uplink&) = delete;
    Uplink& operator=(const Uplink&) = delete;

    virtual asio::awaitable<void> send(Batch batch) = 0;
    virtual asio::awaitable<void> async_drop_impl() = 0;

  protected:
    ~Uplink() = default;
};

/// Appends to a file; its last line, written by the cleanup, says how many lines came before.
class FileUplink final : public Uplink {
  public:
    FileUplink(asyncdrop::Passkey<FileUplink>, const std::filesystem::path& path);

    asio::awaitable<void> send(Batch batch) override;
    asio::awaitable<void> async_drop_impl() override;

  private:
    std::ofstream file_;
    std::size_t lines_ = 0;
};

/// How often an uplink has been dialled.
std::size_t dialled() noexcept;

/// Takes its time, and makes a FileUplink.
asio::awaitable<asyncdrop::AsyncDropBox<Uplink>> dial(std::filesystem::path path);

/// An uplink that is dialled when the first one asks for it.
asyncdrop::AsyncDropShared<Uplink> uplink_to(std::filesystem::path path);

}  // namespace log_shipper
