#include "tests/support/temp_dir.hpp"

#include <stdlib.h>

#include <cerrno>
#include <system_error>

namespace test_support {
namespace fs = std::filesystem;

TempDir::TempDir(const fs::path& parent) {
    const fs::path& place = parent.empty() ? fs::temp_directory_path() : parent;
    std::string pattern = (place / "demofs-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
        throw std::system_error(errno, std::generic_category(), "mkdtemp");
    path_ = pattern;
}

TempDir::~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    if (!fs::exists(path_, ignored)) return;
    // A test may have taken away write permission of directories: give it back and try again.
    fs::permissions(path_, fs::perms::owner_all, ignored);
    for (fs::recursive_directory_iterator
             entry(path_, fs::directory_options::skip_permission_denied, ignored),
         end;
         entry != end; entry.increment(ignored)) {
        if (entry->is_directory(ignored)) fs::permissions(entry->path(), fs::perms::owner_all, ignored);
    }
    fs::remove_all(path_, ignored);
}

}  // namespace test_support
