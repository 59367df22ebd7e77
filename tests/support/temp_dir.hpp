#pragma once
// A directory for one test, removed with everything in it.

#include <filesystem>
#include <string>

namespace test_support {

class TempDir {
  public:
    /// Makes an empty directory, below $TMPDIR or /tmp, that only this user may enter.
    TempDir() : TempDir(std::filesystem::path()) {}
    /// The same below `parent`; where it would be anyway if that is empty.
    explicit TempDir(const std::filesystem::path& parent);
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// The path of an entry of this name.
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

}  // namespace test_support
