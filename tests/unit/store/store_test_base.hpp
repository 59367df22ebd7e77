#pragma once
// A context and shorthands for tests of single stores.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>

#include "demofs/base/error.hpp"
#include "demofs/store/object_store.hpp"
#include "tests/support/run_coroutine.hpp"

namespace demofs::store {

class StoreTestBase : public testing::Test {
  protected:
    template <class T>
    T run(asio::awaitable<T> coroutine) {
        return test_support::run_coroutine(context_, std::move(coroutine));
    }

    void append(asyncdrop::AsyncDropBox<ObjectWriter>& writer, std::string_view text,
                Durability durability = Durability::buffered) {
        run(writer->append(as_bytes(text), durability));
    }

    template <class Store>
    std::string read(asyncdrop::AsyncDropBox<Store>& store, const std::string& name,
                     std::size_t size = 1000) {
        Bytes out(size);
        out.resize(run(store->read(name, 0, out)));
        return std::string(as_text(out));
    }

    /// Makes an object with these bytes, durable.
    template <class Store>
    void write_object(asyncdrop::AsyncDropBox<Store>& store, const std::string& name, std::string_view text) {
        asyncdrop::AsyncDropBox<ObjectWriter> writer = run(store->create(name));
        append(writer, text, Durability::synced);
        run(writer.async_drop());
    }

    /// Runs what must fail and gives its exception.
    template <class F>
    static std::exception_ptr failure_of(F&& action) {
        try {
            action();
        } catch (...) {
            return std::current_exception();
        }
        ADD_FAILURE() << "nothing was thrown";
        return std::make_exception_ptr(std::runtime_error("nothing was thrown"));
    }
    template <class F>
    static std::errc errno_of_failure(F&& action) {
        return errno_of(failure_of(action));
    }

    asio::io_context context_{1};
};

}  // namespace demofs::store
