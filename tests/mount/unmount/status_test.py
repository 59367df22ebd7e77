"""What `demofs status` tells."""

import json
import os
import signal
import unittest

from common import DATA, NOT_MOUNTED, TIMED_OUT
from mount_fixture import MountTest


class Status(MountTest):
    def status(self, *arguments):
        return json.loads(self.vault.run("status", "--json", *arguments).stdout)

    def status_of_all(self):
        # Another test may have stopped its daemon just now.
        done = self.vault.run("status", "--json", check=False)
        self.assertIn(done.returncode, (0, TIMED_OUT), done.stderr)
        return json.loads(done.stdout)

    def test_tells_what_the_mount_is_doing(self):
        with open(self.root / "file", "wb", buffering=0) as file:
            file.write(DATA)
            os.fsync(file.fileno())
            [status] = self.status(self.root)
            self.assertEqual(status["vault"], str(self.vault.path))
            self.assertEqual((status["state"], status["pid"]), ("mounted", self.vault.daemon()))
            self.assertEqual(status["open_handles"], 1)
            self.assertGreater(status["last_commit"], 0)
        guards = {entry["type"]: entry["live"] for entry in status["guards"]}
        self.assertEqual([count for name, count in guards.items() if name.endswith("LocalObjectStore")], [1], guards)
        text = self.vault.run("status", self.root).stdout
        self.assertRegex(text, f"(?m)^{self.root}$")
        self.assertRegex(text, "(?m)^  state +mounted, process ")
        self.assertRegex(text, "(?m)^  live guards +.*Session 1")

    def test_of_all_mounts(self):
        self.assertIn(str(self.root), [status["mount_point"] for status in self.status_of_all()])
        self.vault.unmount()
        self.assertNotIn(str(self.root), [status["mount_point"] for status in self.status_of_all()])

    def test_a_daemon_that_does_not_answer_is_told_beside_the_others(self):
        pid = self.vault.daemon()
        os.kill(pid, signal.SIGSTOP)
        try:
            done = self.vault.run("status", "--json", check=False)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(done.returncode, TIMED_OUT)
        self.assertRegex(done.stderr, "not answer")
        self.assertIsInstance(json.loads(done.stdout), list)

    def test_of_a_detached_mount_and_of_none(self):
        with open(self.root / "file", "wb", buffering=0):
            self.vault.unmount("--lazy")
            [status] = self.status(self.root)
            self.assertEqual(status["open_handles"], 1)
            pid = status["pid"]
        self.vault.wait_for_end(pid)
        done = self.vault.run("status", self.root, check=False)
        self.assertEqual(done.returncode, NOT_MOUNTED, done.stderr)


if __name__ == "__main__":
    unittest.main()
