"""Names through the mount: directories, links, renames, and reading a directory while it changes."""

import errno
import os
import unittest

from libc import RENAME_EXCHANGE, RENAME_NOREPLACE, DirectoryStream, renameat2
from mount_fixture import MountTest


class Directories(MountTest):
    def test_link_counts_follow_the_subdirectories(self):
        before = os.stat(self.root).st_nlink
        (self.root / "a").mkdir()
        self.assertEqual(os.stat(self.root).st_nlink, before + 1)
        self.assertEqual(os.stat(self.root / "a").st_nlink, 2)
        (self.root / "a" / "b").mkdir()
        (self.root / "a" / "file").touch()
        self.assertEqual(os.stat(self.root / "a").st_nlink, 3)
        os.rename(self.root / "a" / "b", self.root / "b")
        self.assertEqual(os.stat(self.root / "a").st_nlink, 2)
        self.assertEqual(os.stat(self.root).st_nlink, before + 2)
        os.rmdir(self.root / "b")
        self.assertEqual(os.stat(self.root).st_nlink, before + 1)

    def test_only_empty_directories_can_be_removed(self):
        (self.root / "folder").mkdir()
        (self.root / "folder" / "file").touch()
        self.assert_errno(errno.ENOTEMPTY, os.rmdir, self.root / "folder")
        self.assert_errno(errno.ENOTDIR, os.rmdir, self.root / "folder" / "file")
        self.assert_errno(errno.EISDIR, os.unlink, self.root / "folder")
        os.unlink(self.root / "folder" / "file")
        os.rmdir(self.root / "folder")
        self.assertEqual(os.listdir(self.root), [])

    def test_wrong_paths_give_the_right_errors(self):
        (self.root / "file").touch()
        (self.root / "folder").mkdir()
        os.symlink("file", self.root / "link")
        self.assert_errno(errno.ENOENT, os.open, self.root / "none", os.O_RDONLY)
        self.assert_errno(errno.ENOENT, os.open, self.root / "none" / "file", os.O_RDONLY | os.O_CREAT)
        self.assert_errno(errno.ENOTDIR, os.open, self.root / "file" / "below", os.O_RDONLY)
        self.assert_errno(errno.ENOTDIR, os.open, self.root / "file", os.O_RDONLY | os.O_DIRECTORY)
        self.assert_errno(errno.EISDIR, os.open, self.root / "folder", os.O_WRONLY)
        self.assert_errno(errno.EEXIST, os.open, self.root / "file", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self.assert_errno(errno.EEXIST, os.mkdir, self.root / "file")
        self.assert_errno(errno.ELOOP, os.open, self.root / "link", os.O_RDONLY | os.O_NOFOLLOW)
        self.assert_errno(errno.EINVAL, os.readlink, self.root / "file")

    def test_names_may_be_any_255_bytes(self):
        names = [b"n" * 255, b"\xff\xfe not utf-8", "Grüße 🎉".encode(), b" blank ", b"new\nline", b"-", b"..."]
        root = os.fsencode(self.root)
        for name in names:
            os.close(os.open(os.path.join(root, name), os.O_CREAT | os.O_WRONLY, 0o644))
        self.assert_errno(errno.ENAMETOOLONG, os.open, os.path.join(root, b"n" * 256), os.O_CREAT | os.O_WRONLY)
        self.vault.remount()
        self.assertEqual(sorted(os.listdir(root)), sorted(names))

    def test_symlinks_keep_their_targets(self):
        targets = {"relative": "folder/file", "absolute": "/etc/hostname", "dangling": "nowhere", "long": "t/" * 2000}
        for name, target in targets.items():
            os.symlink(target, self.root / name)
        (self.root / "folder").mkdir()
        (self.root / "folder" / "file").write_bytes(b"through the link")
        self.vault.remount()
        for name, target in targets.items():
            self.assertEqual(os.readlink(self.root / name), target)
            self.assertEqual(os.lstat(self.root / name).st_size, len(target))
        self.assertEqual((self.root / "relative").read_bytes(), b"through the link")
        self.assert_errno(errno.ENOENT, os.stat, self.root / "dangling")
        self.assert_errno(errno.EEXIST, os.symlink, "x", self.root / "dangling")

    def test_a_deep_path_works(self):
        path = self.root
        for depth in range(100):
            path = path / f"level{depth}"
        os.makedirs(path)
        (path / "file").write_bytes(b"deep")
        self.vault.remount()
        self.assertEqual((path / "file").read_bytes(), b"deep")


class Rename(MountTest):
    def fill(self, *names):
        for name in names:
            (self.root / name).write_bytes(name.encode())

    def contents(self, name):
        return (self.root / name).read_bytes().decode()

    def test_a_file_moves_between_directories(self):
        (self.root / "from").mkdir()
        (self.root / "to").mkdir()
        self.fill("from/file")
        inode = os.stat(self.root / "from/file").st_ino
        os.rename(self.root / "from/file", self.root / "to/renamed")
        self.vault.remount()
        self.assertEqual(os.listdir(self.root / "from"), [])
        self.assertEqual(self.contents("to/renamed"), "from/file")
        self.assertEqual(os.stat(self.root / "to/renamed").st_ino, inode)

    def test_an_existing_file_is_replaced(self):
        self.fill("a", "b")
        os.rename(self.root / "a", self.root / "b")
        self.assertEqual(self.contents("b"), "a")
        self.assertEqual(os.listdir(self.root), ["b"])

    def test_renaming_to_itself_changes_nothing(self):
        self.fill("a")
        os.rename(self.root / "a", self.root / "a")
        self.assertEqual(self.contents("a"), "a")

    def test_directories_replace_only_empty_directories(self):
        for name in ("one", "empty", "full"):
            (self.root / name).mkdir()
        self.fill("full/file", "file")
        self.assert_errno(errno.ENOTEMPTY, os.rename, self.root / "one", self.root / "full")
        self.assert_errno(errno.ENOTDIR, os.rename, self.root / "one", self.root / "file")
        self.assert_errno(errno.EISDIR, os.rename, self.root / "file", self.root / "empty")
        os.rename(self.root / "full", self.root / "empty")
        self.assertEqual(self.contents("empty/file"), "full/file")
        self.assertEqual(sorted(os.listdir(self.root)), ["empty", "file", "one"])

    def test_a_directory_cannot_move_into_itself(self):
        (self.root / "a" / "b").mkdir(parents=True)
        self.assert_errno(errno.EINVAL, os.rename, self.root / "a", self.root / "a" / "b" / "c")

    def test_a_moved_directory_has_its_new_parent(self):
        (self.root / "a" / "b").mkdir(parents=True)
        (self.root / "c").mkdir()
        os.rename(self.root / "a" / "b", self.root / "c" / "b")
        parent = os.stat(self.root / "c" / "b" / "..").st_ino
        self.assertEqual(parent, os.stat(self.root / "c").st_ino)

    def test_noreplace_refuses_an_existing_target(self):
        self.fill("a", "b")
        self.assert_errno(errno.EEXIST, renameat2, self.root / "a", self.root / "b", RENAME_NOREPLACE)
        renameat2(self.root / "a", self.root / "c", RENAME_NOREPLACE)
        self.assertEqual((self.contents("b"), self.contents("c")), ("b", "a"))
        self.assertEqual(sorted(os.listdir(self.root)), ["b", "c"])

    def test_exchange_swaps_two_files(self):
        self.fill("a", "b")
        renameat2(self.root / "a", self.root / "b", RENAME_EXCHANGE)
        self.assertEqual((self.contents("a"), self.contents("b")), ("b", "a"))
        self.assert_errno(errno.ENOENT, renameat2, self.root / "a", self.root / "none", RENAME_EXCHANGE)

    def test_exchange_swaps_a_file_and_a_directory_of_different_parents(self):
        (self.root / "left").mkdir()
        (self.root / "right" / "folder").mkdir(parents=True)
        self.fill("left/file", "right/folder/inner")
        renameat2(self.root / "left/file", self.root / "right/folder", RENAME_EXCHANGE)
        self.vault.remount()
        self.assertEqual(self.contents("right/folder"), "left/file")
        self.assertEqual(self.contents("left/file/inner"), "right/folder/inner")
        self.assertEqual(os.stat(self.root / "left").st_nlink, 3)
        self.assertEqual(os.stat(self.root / "right").st_nlink, 2)


class LargeDirectory(MountTest):
    COUNT = 5000

    def setUp(self):
        super().setUp()
        self.large = self.root / "large"
        self.large.mkdir()
        self.names = {f"entry-{number:05d}" for number in range(self.COUNT)}
        for name in self.names:
            os.close(os.open(self.large / name, os.O_CREAT | os.O_WRONLY, 0o644))

    def test_every_entry_is_listed_once(self):
        for _ in range(2):
            listed = os.listdir(self.large)
            self.assertEqual(len(listed), self.COUNT)
            self.assertEqual(set(listed), self.names)
            self.vault.remount()

    def test_deleting_while_reading_skips_and_repeats_nothing(self):
        with DirectoryStream(self.large) as stream:
            seen = [stream.read() for _ in range(1000)]
            for name in seen[::2]:
                os.unlink(self.large / name)
            unseen = sorted(self.names - set(seen))
            for name in unseen[::3]:
                os.unlink(self.large / name)
            rest = stream.rest()
        self.assertEqual(len(set(rest)), len(rest), "an entry came twice")
        self.assertFalse(set(rest) & set(seen), "an entry came again")
        # What was deleted meanwhile may still come; what was not must.
        self.assertFalse(set(unseen) - set(unseen[::3]) - set(rest), "an entry was skipped")
        left = self.names - set(seen[::2]) - set(unseen[::3])
        self.assertEqual(set(os.listdir(self.large)), left)

    def test_a_position_stays_valid_while_entries_are_deleted(self):
        with DirectoryStream(self.large) as stream:
            positions = {}
            for number in range(self.COUNT):
                if number % 500 == 0:
                    positions[number] = stream.tell()
                stream.read()
            stream.seek(positions[0])
            order = stream.rest()
            self.assertEqual(set(order), self.names)
            deleted = set(order[1::3])
            for name in deleted:
                os.unlink(self.large / name)
            for number, position in sorted(positions.items(), reverse=True):
                stream.seek(position)
                found = [name for name in stream.rest() if name not in deleted]
                self.assertEqual(found, [name for name in order[number:] if name not in deleted], f"from {number}")

    def test_removing_everything_leaves_an_empty_directory(self):
        for name in os.listdir(self.large):
            os.unlink(self.large / name)
        os.rmdir(self.large)
        self.vault.remount()
        self.assertEqual(os.listdir(self.root), [])


if __name__ == "__main__":
    unittest.main()
