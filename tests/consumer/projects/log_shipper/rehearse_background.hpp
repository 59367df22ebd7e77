// The part of the rehearsal that runs beside the service: background tasks, and requests in flight.
#pragma once

namespace log_shipper {

/// Runs it in a context of its own. Throws if a case ends in another way than it must.
void rehearse_background();

}  // namespace log_shipper
