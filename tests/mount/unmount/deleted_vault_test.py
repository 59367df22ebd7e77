"""The vault, or a part of it, is deleted under the mount: nobody is told that something was saved."""

import errno
import os
import shutil
import unittest

from common import DATA, INCOMPLETE, NOT_A_VAULT, NOT_SAVED
from mount_fixture import MountTest


class DeletedVault(MountTest):
    """Somebody deletes the vault, or a part of it, while it is mounted: the next commit must not succeed."""

    def setUp(self):
        super().setUp()
        self.write_synced(self.root / "before", DATA)

    def expect_an_unmount_that_says_so(self, deleted):
        done = self.vault.unmount(check=False)
        self.assertEqual(done.returncode, NOT_SAVED, done.stdout + done.stderr)
        self.assertRegex(done.stderr, f"{deleted}.* was deleted while the vault is in use")
        self.assertNotIn("All saved", done.stdout)
        self.assertRegex(self.vault.log_text(), "was deleted while the vault is in use")
        return done

    def test_fsync_fails_and_unmount_tells_which_files_are_lost(self):
        shutil.rmtree(self.vault.path)
        descriptor = os.open(self.root / "after", os.O_WRONLY | os.O_CREAT)
        try:
            os.write(descriptor, b"lost")
            self.assert_errno(errno.EIO, os.fsync, descriptor)
        finally:
            with self.assertRaises(OSError):
                os.close(descriptor)
        done = self.expect_an_unmount_that_says_so("objects")
        self.assertRegex(done.stderr, "(?m)^  after$")
        self.assertEqual(self.vault.mount(check=False).returncode, NOT_A_VAULT)

    def test_an_unmount_without_anything_to_save_says_it_too(self):
        shutil.rmtree(self.vault.path)
        self.expect_an_unmount_that_says_so("objects")

    def test_an_older_segment_is_missed_at_the_next_commit(self):
        self.write_synced(self.root / "kept", os.urandom(200_000))
        self.vault.unmount()
        older = max((self.vault.path / "objects").iterdir(), key=lambda path: path.stat().st_size)  # holds that file
        self.vault.mount()
        (self.root / "more").write_bytes(b"more")
        older.unlink()
        with self.assertRaises(OSError) as caught:
            self.write_synced(self.root / "after", b"after")
        self.assertEqual(caught.exception.errno, errno.EIO)
        self.expect_an_unmount_that_says_so(older.name)
        self.assertEqual(self.vault.mount(check=False).returncode, INCOMPLETE)

    def test_the_segment_being_written_is_missed_although_another_file_has_its_name(self):
        newest = max((self.vault.path / "objects").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        shutil.copyfile(newest, self.folder / "copy")
        newest.unlink()
        shutil.copyfile(self.folder / "copy", newest)
        with self.assertRaises(OSError) as caught:
            self.write_synced(self.root / "after", b"after")
        self.assertEqual(caught.exception.errno, errno.EIO)
        self.expect_an_unmount_that_says_so("objects")
        self.vault.mount()
        self.assertEqual((self.root / "before").read_bytes(), DATA)
        self.assertFalse((self.root / "after").exists())


if __name__ == "__main__":
    unittest.main()
