// The rules that every ObjectWriter enforces in the same way: one operation at a time, nothing after the end,
// nothing after a failure. Belongs to the writer's strand.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

namespace demofs::store {

class WriterState {
  public:
    /// `object` names the object with its store, for messages.
    explicit WriterState(std::string object) : object_(std::move(object)) {}
    WriterState(const WriterState&) = delete;
    WriterState& operator=(const WriterState&) = delete;

    /// One running operation, from its admission to its end.
    class Operation {
      public:
        explicit Operation(WriterState& state) : state_(state) { state_.busy_ = true; }
        Operation(const Operation&) = delete;
        Operation& operator=(const Operation&) = delete;
        ~Operation() { state_.busy_ = false; }

      private:
        WriterState& state_;
    };

    /// Admits an append. Throws std::logic_error if the object has ended or another operation runs, and
    /// Error(Errc::writes_failed) if an operation has failed.
    [[nodiscard]] Operation begin_append();
    /// Admits a sync or seal; the same, but allowed after the end.
    [[nodiscard]] Operation begin_sync();

    void appended(std::uint64_t size_bytes) noexcept { size_bytes_ += size_bytes; }
    void end() noexcept { ended_ = true; }
    void fail() noexcept { failed_ = true; }

    [[nodiscard]] bool busy() const noexcept { return busy_; }
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] bool failed() const noexcept { return failed_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_bytes_; }
    [[nodiscard]] const std::string& object() const noexcept { return object_; }

  private:
    void require_idle_and_sound() const;

    std::string object_;
    std::uint64_t size_bytes_ = 0;
    bool busy_ = false;
    bool ended_ = false;
    bool failed_ = false;
};

}  // namespace demofs::store
