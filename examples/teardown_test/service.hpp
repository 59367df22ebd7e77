// A small service whose teardown is tested in service_test.cpp: notes go through a cache into a journal.
#pragma once

#include <asyncdrop/asyncdrop.hpp>
#include <boost/asio/awaitable.hpp>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace asio = boost::asio;

/// What outlives the service, and what a test looks at afterwards.
struct Disk {
    std::vector<std::string> notes;
    bool locked = false;
};

class Cache;

struct ServiceSettings {
    Disk* disk = nullptr;
    /// Serves until it returns, throws, or is cancelled.
    std::function<asio::awaitable<void>(Cache&)> serve;
    /// Called at each step that may fail; a test lets it fail.
    std::function<void(std::string_view step)> at = [](std::string_view) {};
};

/// Appends notes to the disk; only one may have it open.
class Journal {
  public:
    Journal(asyncdrop::Passkey<Journal>, const ServiceSettings& settings);
    Journal(Journal&&) noexcept = default;

    static asyncdrop::AsyncDropGuard<Journal> open(const ServiceSettings& settings);
    asio::awaitable<void> append(std::string note);
    asio::awaitable<void> async_drop_impl();

  private:
    const ServiceSettings* settings_;
};

/// Keeps notes in memory; its drop writes them.
class Cache {
  public:
    Cache(asyncdrop::Passkey<Cache>, Journal& journal);
    Cache(Cache&&) noexcept = default;

    static asyncdrop::AsyncDropGuard<Cache> make(Journal& journal, const ServiceSettings& settings);
    void add(std::string note) { notes_.push_back(std::move(note)); }
    asio::awaitable<void> async_drop_impl();

  private:
    Journal* journal_;
    std::vector<std::string> notes_;
};

struct Outcome {
    asyncdrop::TeardownReport teardown;
    std::exception_ptr failed;  // to come up, or while it served
};

/// Comes up, serves, and goes down on every way out. `settings` must outlive it.
asio::awaitable<Outcome> run_service(const ServiceSettings& settings);
