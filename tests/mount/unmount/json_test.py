"""`--json` prints one object however unmounting ends, and the sentence for people stays on standard error."""

import json
import os
import signal
import subprocess
import unittest

from common import BUSY, DATA, NOT_MOUNTED, NOT_SAVED, TIMED_OUT
from mount_fixture import MountTest, wait_until

DIED, USAGE = 30, 2
HOUR_MS = 3_600_000  # no commit by itself


class Json(MountTest):
    def unmount(self, code, *options):
        """What it prints, ending with this exit code."""
        done = self.vault.unmount("--json", *options, check=False)
        self.assertEqual(len(done.stdout.splitlines()), 1, done)
        said = json.loads(done.stdout)
        self.assertEqual((done.returncode, said["code"]), (code, code), done)
        self.assertEqual(said["mount_point"], str(self.root))
        self.assertGreaterEqual(said["seconds"], 0)
        if code == 0:
            self.assertIsNone(said["error"])
        else:
            self.assertIn(said["error"], done.stderr)
        return said

    def test_when_all_is_saved(self):
        (self.root / "file").write_bytes(DATA)
        said = self.unmount(0)
        self.assertEqual((said["files"], said["detached"], said["notices"], said["users"]), (1, False, [], []))
        self.assertTrue(said["teardown"]["ok"])

    def test_when_files_are_in_use(self):
        with open(self.root / "file", "wb", buffering=0) as file:
            file.write(b"one")
            for options, flushed in ((), False), (("--flush",), True):
                said = self.unmount(BUSY, *options)
                [user] = said["users"]
                self.assertEqual((user["pid"], user["holds"]), (os.getpid(), ["1 open file"]))
                self.assertEqual("flushed" in said, flushed)
                self.assertNotIn("commit", said)
        self.assertTrue(self.vault.is_mounted())

    def test_when_it_is_detached(self):
        with open(self.root / "file", "wb", buffering=0) as file:
            file.write(b"one")
            pid = self.vault.daemon()
            self.assertTrue(self.unmount(0, "--lazy")["detached"])
            self.assertFalse(self.vault.is_mounted())
            said = self.unmount(TIMED_OUT, "--timeout", "1")
            self.assertEqual([user["pid"] for user in said["users"]], [os.getpid()])
            self.assertRegex(said["notices"][0], "is detached already")
        self.vault.wait_for_end(pid)

    def test_when_nothing_is_mounted(self):
        self.vault.unmount()
        self.assertRegex(self.unmount(NOT_MOUNTED)["error"], "^no demofs filesystem is mounted on ")

    def test_when_the_daemon_has_died(self):
        self.vault.kill()
        self.assertRegex(self.unmount(DIED)["error"], "had died; its dead mount is removed")

    def test_when_the_daemon_dies_meanwhile(self):
        pid = self.vault.signal_daemon(signal.SIGSTOP)
        with subprocess.Popen([self.vault.program, "unmount", "--json", self.root], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unmount:
            wait_until(lambda: not self.vault.is_mounted(), "it is unmounted")
            os.kill(pid, signal.SIGKILL)
            said = json.loads(unmount.stdout.read())
        self.assertEqual((unmount.returncode, said["code"]), (DIED, DIED))
        self.assertRegex(said["error"], "ended without a report")

    def test_when_it_cannot_be_saved(self):
        self.vault.unmount()
        self.vault.mount("--commit-interval-ms", HOUR_MS, "--store-fault", "write:3+:enospc")
        (self.root / "file").write_bytes(DATA[:100_000])
        said = self.unmount(NOT_SAVED, "--flush")
        self.assertRegex(said["flushed"]["error"], "No space left")
        self.assertTrue(self.vault.is_mounted())
        said = self.unmount(NOT_SAVED)
        self.assertIn("file", [file["path"] for file in said["not_saved"]])
        self.assertRegex(said["error"], "^Not saved: changes of [12] files?; ")

    def test_when_the_store_hangs(self):
        self.vault.unmount()
        self.vault.mount("--commit-interval-ms", HOUR_MS, "--store-fault", "write:3+:hang", "--teardown-timeout", "3")
        (self.root / "file").write_bytes(DATA[:100_000])
        self.assertRegex(self.unmount(TIMED_OUT, "--timeout", "1")["error"], "is not saved and unmounted after 1 s; it goes on")
        wait_until(lambda: not self.vault.find_daemons(), "the daemon has given up")

    def test_of_the_status(self):
        self.vault.unmount()
        done = self.vault.run("status", "--json", self.root, check=False)
        self.assertEqual((done.returncode, json.loads(done.stdout)), (NOT_MOUNTED, []))
        self.assertRegex(done.stderr, "^demofs: no demofs of this user is mounted on ")


if __name__ == "__main__":
    unittest.main()
