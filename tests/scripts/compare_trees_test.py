"""The tree comparer must notice every kind of difference: the demo and the mount tests believe what it says."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "lib"))
import compare_trees  # noqa: E402


class CompareTrees(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="compare_trees_"))
        self.addCleanup(shutil.rmtree, self.root)
        self.left, self.right = self.root / "left", self.root / "right"
        (self.left / "folder").mkdir(parents=True)
        (self.left / "folder" / "file").write_bytes(b"x" * 3_000_000)
        (self.left / "empty").write_bytes(b"")
        os.link(self.left / "empty", self.left / "second_name")
        os.symlink("folder/file", self.left / "link")
        subprocess.run(["cp", "-a", self.left, self.right], check=True)

    def differences(self, **options):
        return list(compare_trees.differences(self.left, self.right, **options))

    def assert_one(self, words, **options):
        found = self.differences(**options)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_a_copy_is_equal(self):
        statistics = compare_trees.Statistics()
        self.assertEqual(self.differences(statistics=statistics), [])
        self.assertEqual((statistics.entries, statistics.bytes), (5, 3_000_000))

    def test_one_changed_byte_is_found_and_located(self):
        file = self.right / "folder" / "file"
        times = os.stat(file)
        with open(file, "r+b") as stream:
            stream.seek(2_345_678)
            stream.write(b"y")
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.assert_one("contents differ at byte 2345678")

    def test_a_shorter_file_is_found(self):
        os.truncate(self.right / "folder" / "file", 2_000_000)
        found = self.differences(times=False)
        self.assertEqual(len(found), 2)
        self.assertIn("size 2000000 instead of 3000000", found[0])
        self.assertIn("contents differ at byte 2000000", found[1])

    def test_missing_and_extra_names_are_found(self):
        os.unlink(self.right / "link")
        (self.right / "more").write_bytes(b"")
        times = os.stat(self.left)
        os.utime(self.right, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.assertEqual(self.differences(), ["link: missing", "more: not expected"])

    def test_a_mode_is_compared(self):
        os.chmod(self.right / "folder", 0o700)
        self.assert_one("mode 700 instead of")

    def test_one_nanosecond_is_a_difference(self):
        times = os.stat(self.left / "empty")
        os.utime(self.right / "empty", ns=(times.st_atime_ns, times.st_mtime_ns + 1))
        self.assertEqual(len(self.differences()), 2)  # both names of the file
        self.assertEqual(self.differences(times=False), [])

    def test_a_symlink_target_is_compared(self):
        os.unlink(self.right / "link")
        os.symlink("elsewhere", self.right / "link")
        self.assert_one("points to elsewhere instead of folder/file", times=False)

    def test_a_type_is_compared(self):
        os.unlink(self.right / "link")
        (self.right / "link").mkdir()
        self.assert_one("is a directory instead of a symlink", times=False)

    def test_a_split_hard_link_is_found(self):
        os.unlink(self.right / "second_name")
        shutil.copy2(self.right / "empty", self.right / "second_name")
        found = self.differences(times=False)
        self.assertEqual(found, ["empty: hard links differ", "second_name: hard links differ"])


if __name__ == "__main__":
    unittest.main()
