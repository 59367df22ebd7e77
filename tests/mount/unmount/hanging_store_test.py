"""Unmounting when the store does not answer any more."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import time
import unittest

from common import DATA, TIMED_OUT
import mount_fixture
from mount_fixture import MountTest, wait_until


class HangingStore(MountTest):
    """The vault lies on a filesystem whose server has been stopped: nothing can be saved, and nothing fails."""

    mounted = False

    def setUp(self):
        super().setUp()
        self.server = self.make_vault("server")
        self.server.init()
        self.server.mount()
        self.stopped = self.server.daemon()
        self.vault.path = self.server.mount_point / "vault"
        self.vault.init()
        self.addCleanup(self.go_on)

    def go_on(self):
        os.kill(self.stopped, signal.SIGCONT)
        self.assertEqual(self.vault.clean_up(), [])

    def write_and_hang(self, *options):
        self.report = self.folder / "report"
        hour_ms = 3_600_000  # no commit by itself
        self.vault.mount("--teardown-report", self.report, "--commit-interval-ms", hour_ms, *options)
        self.write_synced(self.root / "before", b"before")
        pid = self.vault.daemon()
        (self.root / "folder").mkdir()
        (self.root / "folder" / "file").write_bytes(DATA)
        os.kill(self.stopped, signal.SIGSTOP)
        return pid

    def expect_the_last_commit(self, pid):
        self.assertFalse(self.vault.is_mounted())
        os.kill(self.stopped, signal.SIGCONT)  # the kernel holds the process as long as its files hang
        self.vault.wait_for_end(pid)
        self.vault.mount()
        self.assertEqual((self.root / "before").read_bytes(), b"before")

    def test_unmount_has_a_limit_and_names_what_it_waited_for(self):
        pid = self.write_and_hang("--teardown-timeout", "1")
        done = self.vault.unmount(check=False)
        self.assertEqual(done.returncode, TIMED_OUT, done.stdout + done.stderr)
        self.assertRegex(done.stderr, "gave up .* while waiting for (filesystem|last commit)")
        self.assertRegex(done.stderr, "(?m)^  folder/file$")
        self.assertRegex(self.report.read_text(), "(filesystem|last commit): dropping")
        self.assertRegex(self.report.read_text(), "tree: waiting")
        self.expect_the_last_commit(pid)

    def test_a_second_signal_gives_up_when_nothing_moves_on(self):
        pid = self.write_and_hang()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not self.vault.is_mounted(), "SIGTERM has unmounted")
        ends = time.monotonic() + mount_fixture.WAIT_SECONDS
        while "Giving up" not in self.vault.log_text():
            self.assertLess(time.monotonic(), ends)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            time.sleep(0.1)
        wait_until(lambda: self.report.exists() and "dropping" in self.report.read_text(), "the report is written")
        self.expect_the_last_commit(pid)

    def test_the_status_tells_what_a_stuck_teardown_waits_for(self):
        pid = self.write_and_hang()
        done = self.vault.unmount("--timeout", "1", check=False)
        self.assertEqual(done.returncode, TIMED_OUT, done.stderr)
        self.assertRegex(done.stderr, "it goes on")
        [status] = json.loads(self.vault.run("status", "--json", self.root).stdout)
        self.assertEqual(status["state"], "tearing down")
        self.assertRegex(status["waiting_for"], "(filesystem|last commit), since ")
        os.kill(self.stopped, signal.SIGCONT)
        self.vault.wait_for_end(pid)
        self.vault.mount()
        self.assertTrue((self.root / "folder" / "file").read_bytes() == DATA)

    def test_progress_is_for_terminals_only(self):
        """Two that wait for the same store, one with its standard error on a terminal: when that has shown something, the other has not."""
        pid = self.write_and_hang()
        terminal, end = pty.openpty()
        self.addCleanup(os.close, terminal)
        command = [self.vault.program, "unmount", self.root]
        quiet = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: not self.vault.is_mounted(), "the first has unmounted")
        shown = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=end)
        os.close(end)
        text = b""
        while b"left to save" not in text:
            text += os.read(terminal, 4096)
        os.kill(self.stopped, signal.SIGCONT)
        self.vault.wait_for_end(pid)
        for process in (quiet, shown):
            said, complained = process.communicate(timeout=mount_fixture.WAIT_SECONDS)
            self.assertEqual(process.returncode, 0)
            self.assertRegex(said, b"^All saved: ")
            self.assertFalse(complained)
        self.assertRegex(text, rb"\r\x1b\[K[0-9.]+ k?M?B left to save \(waiting for ")

    def test_a_slow_store_is_no_reason_to_give_up(self):
        pid = self.write_and_hang()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not self.vault.is_mounted(), "SIGTERM has unmounted")
        os.kill(self.stopped, signal.SIGCONT)
        os.kill(pid, signal.SIGTERM)
        self.vault.wait_for_end(pid)
        self.assertNotIn("Giving up", self.vault.log_text())
        self.vault.mount()
        self.assertTrue((self.root / "folder" / "file").read_bytes() == DATA)


if __name__ == "__main__":
    unittest.main()
