#include "index.hpp"

#include <asyncdrop/even_if_cancelled.hpp>
#include <cerrno>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "blocking.hpp"

namespace shared_creation {

asio::awaitable<asyncdrop::AsyncDropBox<Index>> Index::load(asio::any_io_executor disk, std::string file) {
    std::cout << "loading " << file << std::endl;
    const std::string lock_name = file + ".lock";
    auto lock = co_await LockFile::acquire(disk, lock_name);
    Words words;
    std::exception_ptr error;
    try {
        asio::awaitable<Words> reading = read(file);
        words = co_await run_blocking(disk, std::move(reading));
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {  // undo what has been done so far; this creation may have been cancelled
        co_await asyncdrop::even_if_cancelled;
        co_await lock.async_drop();
        std::rethrow_exception(error);
    }
    co_return asyncdrop::make_box<Index>(std::move(lock), std::move(words));
}

Index::Index(asyncdrop::Passkey<Index>, asyncdrop::AsyncDropBox<LockFile>&& lock, Words words)
    : lock_(std::move(lock)), words_(std::move(words)) {}

std::size_t Index::find(const std::string& word) const {
    const auto found = words_.find(word);
    return found == words_.end() ? 0 : found->second;
}

// On a thread that may be blocked.
asio::awaitable<Index::Words> Index::read(std::string file) {
    std::ifstream in(file);
    if (!in) throw std::system_error(errno, std::generic_category(), file);
    Words words;
    std::string line, word;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
        std::istringstream of_line(line);
        while (of_line >> word) words.emplace(word, number);
    }
    if (in.bad()) throw std::system_error(errno, std::generic_category(), file);
    if (words.empty()) throw std::runtime_error(file + ": there are no words in it");
    co_return words;
}

}  // namespace shared_creation
