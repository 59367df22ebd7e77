// Opening several log files: all of those that must be there, or none; and whatever there is of the others.
#pragma once

#include <asyncdrop/guard.hpp>
#include <asyncdrop/hash_map.hpp>
#include <asyncdrop/result.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "source.hpp"

namespace log_shipper {

using Sources = asyncdrop::AsyncDropHashMap<std::string, Source>;
using OptionalSource = asyncdrop::AsyncDropResult<Source, error_code>;

/// Opens the two required logs (an error of either is thrown, and the other one closed) and as many of the
/// optional ones as there are.
asio::awaitable<asyncdrop::AsyncDropGuard<Sources>> open_sources(std::filesystem::path folder,
                                                                 std::vector<std::string> optional);

}  // namespace log_shipper
