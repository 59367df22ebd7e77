// The rehearsal: what can go wrong with a service, provoked on purpose and verified.
#pragma once

namespace log_shipper {

/// Runs all cases, each in contexts of its own. Throws if one of them ends in another way than it must.
/// Replaces the handler of forgotten drops while it runs; needs the registry of live guards.
void rehearse();

}  // namespace log_shipper
