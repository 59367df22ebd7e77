"""What scripts/test shows of failed tests, from a real run of ctest."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "lib" / "failed_tests.py"


class FailedTests(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="failed_tests_"))
        self.addCleanup(shutil.rmtree, self.folder)

    def shown(self, *tests):
        (self.folder / "CTestTestfile.cmake").write_text("".join(
            f'add_test({name} "sh" "-c" "{command}")\n' for name, command in tests))
        results = self.folder / "results.xml"
        subprocess.run([sys.argv[1], "--test-dir", self.folder, "--output-junit", results],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return subprocess.run([sys.executable, SCRIPT, results], stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout

    def test_the_end_of_what_each_failed_test_said(self):
        shown = self.shown(("good", "echo fine"), ("bad", "seq 1 100; exit 1"), ("worse", "echo why; exit 1"))
        self.assertNotIn("fine", shown)
        self.assertIn("\n==> bad failed (the last 60 of 100 lines)\n41\n", shown)
        self.assertNotIn("\n40\n", shown)
        self.assertIn("\n==> worse failed\nwhy\n", shown)

    def test_results_that_cannot_be_read(self):
        done = subprocess.run([sys.executable, SCRIPT, self.folder / "none"], stderr=subprocess.PIPE, encoding="utf-8")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be shown", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
