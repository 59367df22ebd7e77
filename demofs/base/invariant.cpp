// The last words of a process whose state cannot be trusted: without memory of its own and without locks
// that the failing thread might hold.
#include "demofs/base/invariant.hpp"

#include <syslog.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace demofs {

void broken_invariant(const char* sentence, const std::source_location& where) noexcept {
    char text[512];
    const int length =
        std::snprintf(text, sizeof text, "demofs: a broken invariant: %s (%s:%u, %s)\n", sentence,
                      where.file_name(), static_cast<unsigned>(where.line()), where.function_name());
    if (length > 0) {
        const auto size = static_cast<std::size_t>(length) < sizeof text ? static_cast<std::size_t>(length)
                                                                         : sizeof text - 1;
        // A daemon's standard error leads nowhere, therefore the system log as well.
        static_cast<void>(!::write(STDERR_FILENO, text, size));
        ::syslog(LOG_CRIT, "%s", text);
    }
    std::abort();
}

}  // namespace demofs
