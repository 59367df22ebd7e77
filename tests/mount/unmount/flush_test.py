"""`demofs unmount --flush`: everything is saved while the mount is there, or the mount stays."""

import errno
import json
import os
import unittest

from common import BUSY, DATA, NOT_SAVED, TIMED_OUT
from mount_fixture import MountTest, wait_until

HOUR_MS = 3_600_000  # no commit by itself
SOME = DATA[:100_000]  # is written when it is to be saved, not before


class Flush(MountTest):
    mounted = False

    def mount(self, *options):
        self.vault.init()
        self.vault.mount("--commit-interval-ms", HOUR_MS, *options)

    def test_it_saves_and_unmounts_and_says_both(self):
        self.mount()
        (self.root / "file").write_bytes(SOME)
        done = self.vault.unmount("--flush")
        self.assertRegex(done.stdout, r"\AFlushed: 1 file, 1[0-9][0-9] kB, commit [0-9]+\n"
                                      r"All saved: nothing was left to save, commit [0-9]+, [0-9.]+ s\n\Z")
        self.vault.mount()
        self.assertTrue((self.root / "file").read_bytes() == SOME)
        self.assertRegex(self.vault.unmount("--flush").stdout, r"\AFlushed: nothing was left to save, commit [0-9]+\n")

    def test_as_json(self):
        self.mount()
        (self.root / "file").write_bytes(SOME)
        outcome = json.loads(self.vault.unmount("--flush", "--json").stdout)
        self.assertEqual((outcome["code"], outcome["files"]), (0, 0))
        self.assertEqual((outcome["flushed"]["files"], outcome["flushed"]["error"]), (1, None))
        self.assertEqual(outcome["flushed"]["commit"], outcome["commit"])

    def test_what_cannot_be_saved_stays_mounted_and_readable(self):
        self.mount("--store-fault", "write:3+:enospc")
        (self.root / "file").write_bytes(SOME)
        done = self.vault.unmount("--flush", check=False)
        self.assertEqual(done.returncode, NOT_SAVED, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, f"so {self.root} stays mounted and what it holds can still be copied: .*No space left")
        self.assertTrue(self.vault.is_mounted())
        descriptor = os.open(self.root / "file", os.O_RDONLY)
        self.assertTrue(os.read(descriptor, 2 * len(SOME)) == SOME)
        self.assert_errno(errno.ENOSPC, os.close, descriptor)  # says that changes of this file are not saved
        self.assertEqual(self.vault.unmount(check=False).returncode, NOT_SAVED)  # as without it

    def test_files_in_use_are_saved_before_that_is_said(self):
        self.mount()
        writer = self.start_writer(self.root / "file")
        writer.write(SOME)  # only the kernel has it
        done = self.vault.unmount("--flush", check=False)
        self.assertEqual(done.returncode, BUSY, done.stderr)
        self.assertRegex(done.stdout, r"\AFlushed: 1 file, 1[0-9][0-9] kB, ")
        self.vault.kill()
        self.vault.mount()
        self.assertTrue((self.root / "file").read_bytes() == SOME)

    def test_with_lazy_it_saves_then_detaches(self):
        self.mount()
        writer = self.start_writer(self.root / "file")
        writer.write(SOME)
        done = self.vault.unmount("--flush", "--lazy")
        self.assertRegex(done.stdout, r"\AFlushed: 1 file, .*\n.* is detached\.")
        self.assertFalse(self.vault.is_mounted())
        pid = self.vault.daemon()
        self.assertRegex(self.vault.unmount("--flush", "--lazy").stdout, r"\AFlushed: nothing was left to save, ")
        self.assertEqual(writer.close(), "closed")
        self.vault.wait_for_end(pid)

    def test_a_store_that_hangs_ends_with_the_time_out_and_stays_mounted(self):
        self.mount("--store-fault", "write:3:hang", "--teardown-timeout", "1")
        (self.root / "file").write_bytes(SOME)
        done = self.vault.unmount("--flush", "--timeout", "1", check=False)
        self.assertEqual(done.returncode, TIMED_OUT, done.stdout + done.stderr)
        self.assertRegex(done.stderr, "not saved after 1 s, so .* stays mounted")
        self.assertTrue(self.vault.is_mounted())
        # The flush goes on, so the teardown waits for it, until it gives up.
        done = self.vault.unmount(check=False)
        self.assertEqual(done.returncode, TIMED_OUT, done.stderr)
        self.assertRegex(done.stderr, "while waiting for flushes on request")
        wait_until(lambda: not self.vault.find_daemons(), "the daemon has ended")


if __name__ == "__main__":
    unittest.main()
