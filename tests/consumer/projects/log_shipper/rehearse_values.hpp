// The part of the rehearsal in which errors are values, on an executor of a type of its own.
#pragma once

namespace log_shipper {

/// Runs it in a context of its own. Throws if a case ends in another way than it must.
void rehearse_values();

}  // namespace log_shipper
