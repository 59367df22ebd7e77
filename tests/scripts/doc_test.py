"""Proves that the reference fails if a public name is undocumented, and what its filter does to headers."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lib"))
from doxygen_filter import filtered  # noqa: E402

HEADER = """// A header.
//
// More about it.
#pragma once

namespace detail {
struct Hidden {};
}  // namespace detail

/// A class.
class Shown {
  public:
    /// A getter.
    int& get();
    const int& get() const;
    Shown(const Shown&) = delete;
%s};
"""


class Reference(unittest.TestCase):
    def warnings(self, member):
        """What Doxygen says about the header, with the project's settings; nothing if it succeeds."""
        with tempfile.TemporaryDirectory() as folder:
            header = Path(folder) / "header.hpp"
            header.write_text(HEADER % member)
            settings = (ROOT / "docs" / "Doxyfile").read_text() + f"\nINPUT = {header}\nOUTPUT_DIRECTORY = {folder}\n"
            run = subprocess.run(["doxygen", "-"], input=settings, cwd=ROOT, capture_output=True, text=True)
            self.assertEqual(run.returncode == 0, run.stderr == "", run.stderr)
            return run.stderr.replace(folder, "")

    def test_a_documented_header_has_no_warnings(self):
        self.assertEqual(self.warnings(""), "")

    def test_an_undocumented_member_is_named_with_its_line(self):
        self.assertIn("/header.hpp:18: error: Member set(int value)", self.warnings("\n    void set(int value);\n"))

    def test_a_member_of_another_name_does_not_share_a_comment(self):
        self.assertIn("Member set", self.warnings("    void set(int value);\n"))

    def test_a_broken_comment_is_a_warning(self):
        self.assertIn("unknown", self.warnings("\n    /// \\nonsense\n    void set(int value);\n").lower())

    def test_the_filter_keeps_every_line_in_its_place(self):
        for header in (ROOT / "libasyncdrop").rglob("*.hpp"):
            lines = header.read_text().split("\n")
            new = filtered(lines)
            self.assertEqual(len(new), len(lines), header)
            for before, after in zip(lines, new):
                self.assertTrue(before.strip() in after or before.startswith(("//", "#pragma")) or "= de" in before
                                # What stands above a member that is left out.
                                or before.strip().startswith(("template <", "requires")),
                                f"{header}: {before}")


if __name__ == "__main__":
    if shutil.which("doxygen") is None:
        print("doxygen is not installed: run scripts/install_deps")
        sys.exit(77)
    unittest.main()
