// Results for code that must not pay for exceptions: a value, or the errno that a filesystem call is to
// report.
#pragma once

#include <boost/system/result.hpp>
#include <system_error>

namespace demofs {

/// A value or a std::errc; `.value()` on an error throws a std::system_error with that errno.
template <class T>
using Result = boost::system::result<T, std::errc>;

}  // namespace demofs
