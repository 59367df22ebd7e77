// The rules of every object writer in one place: one operation at a time, no append after the end, and
// nothing at all after the first failure.
#include "demofs/store/writer_state.hpp"

#include <stdexcept>

#include "demofs/base/error.hpp"

namespace demofs::store {

void WriterState::require_idle_and_sound() const {
    if (busy_) throw std::logic_error("Two operations at once on the writer of " + object_ + ".");
    if (failed_) {
        throw Error(Errc::writes_failed,
                    "Nothing more can be written to " + object_ + ": an earlier write failed.");
    }
}

WriterState::Operation WriterState::begin_append() {
    require_idle_and_sound();
    if (ended_) throw std::logic_error("Append to " + object_ + " after its end.");
    return Operation(*this);
}

WriterState::Operation WriterState::begin_sync() {
    require_idle_and_sound();
    return Operation(*this);
}

}  // namespace demofs::store
