"""What `demofs status` tells."""

import json
import os
import pty
import signal
import subprocess
import unittest

from common import DATA, NOT_MOUNTED, TIMED_OUT
import mount_fixture
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

    def watch(self, *arguments):
        process = subprocess.Popen([self.vault.program, "status", "--watch", self.root, *arguments], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, encoding="utf-8")

        def end():
            process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    @staticmethod
    def read_block(stream):
        lines = [stream.readline()]
        while not lines[-1].startswith("  live guards"):
            lines.append(stream.readline())
            if not lines[-1]:
                raise AssertionError(f"no whole block: {lines}")
        return "".join(lines)

    def test_watching_tells_it_again_and_again_until_ctrl_c(self):
        process = self.watch()
        self.assertRegex(self.read_block(process.stdout), r"\A/.*\n  vault +/(.*\n)+  requests +[0-9]+ served, ")
        for _ in range(2):
            self.assertRegex(self.read_block(process.stdout), r"\A\n/.*\n(.*\n)+  requests +[0-9]+ served \([0-9.]+ a second\), ")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(mount_fixture.WAIT_SECONDS), 0)
        self.assertTrue(self.vault.is_mounted())

    def test_watching_ends_with_the_mount(self):
        as_text, as_json = self.watch(), self.watch("--json")
        self.read_block(as_text.stdout)
        [status] = json.loads(as_json.stdout.readline())
        self.assertEqual(status["state"], "mounted")
        self.vault.unmount()
        text, _ = as_text.communicate(timeout=mount_fixture.WAIT_SECONDS)
        self.assertEqual((as_text.returncode, text[-22:]), (0, "\nnot mounted any more\n"))
        lines, _ = as_json.communicate(timeout=mount_fixture.WAIT_SECONDS)
        self.assertEqual(as_json.returncode, 0)
        for line in lines.splitlines():
            self.assertEqual(len(json.loads(line)), 1)

    def test_watching_on_a_terminal_draws_in_the_same_place(self):
        terminal, end = pty.openpty()
        self.addCleanup(os.close, terminal)
        process = subprocess.Popen([self.vault.program, "status", "--watch", self.root], stdin=end, stdout=end,
                                   env={**os.environ, "TERM": "xterm"})
        os.close(end)
        shown = b""
        while shown.count(b"\x1b[H") < 3:
            shown += os.read(terminal, 4096)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(mount_fixture.WAIT_SECONDS), 0)
        self.assertEqual(shown.count(b"\x1b[2J"), 1)  # the screen is cleared at the beginning
        self.assertIn(os.fsencode(self.root) + b"\x1b[K\r\n", shown)

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
