// Everything that can be seen of a mounted vault, by path: to be compared with what was there before.
#pragma once

#include <map>
#include <string>

#include "tests/unit/fs/mounted_vault.hpp"

namespace demofs::crash_test {

/// A line for each path: type, attributes, and content or target. What cannot be read is "unreadable".
using Walk = std::map<std::string, std::string>;

Walk walk(fs::test::Mount& mount);

/// The lines that differ, for people.
std::string difference(const Walk& expected, const Walk& found);

}  // namespace demofs::crash_test
