"""Every cause of unmounting ends in the same orderly teardown: the daemon ends and nothing written is lost."""

import json
import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from common import DATA, abort, expect_order
import mount_fixture
from mount_fixture import MountTest, mounts, wait_until


class Causes(MountTest):
    def setUp(self):
        super().setUp()
        (self.root / "folder").mkdir()
        (self.root / "folder" / "file").write_bytes(DATA)

    def expect_everything_after_a_remount(self):
        self.assertFalse(self.vault.is_mounted())
        self.vault.mount()
        self.assertEqual((self.root / "folder" / "file").read_bytes(), DATA)

    def test_demofs_unmount_waits_for_the_daemon_and_says_in_one_line_what_was_saved(self):
        pid = self.vault.daemon()
        done = self.vault.unmount()
        self.assertFalse(mount_fixture.process_exists(pid), "the daemon is still running")
        self.assertRegex(done.stdout, r"\AAll saved: 1 file, 2\.0 MB, commit [0-9]+, [0-9]+\.[0-9] s\n\Z")
        self.expect_everything_after_a_remount()
        self.assertRegex(self.vault.unmount().stdout, r"\AAll saved: nothing was left to save, commit [0-9]+, ")

    def test_demofs_unmount_shows_the_teardown_if_asked(self):
        lines = self.vault.unmount("-v").stdout.splitlines()
        parts = [line.split("|")[0].strip() for line in lines[:-1]]
        self.assertEqual(parts[:2], ["flushes on request", "session"])
        self.assertLess(parts.index("filesystem"), parts.index("last commit"))
        self.assertLess(parts.index("last commit"), parts.index("object store"))
        self.assertRegex(lines[0], r"\|=+ *\|  [0-9.]+ ms$")
        self.assertRegex(lines[-1], "^All saved: ")

    def test_demofs_unmount_as_json(self):
        outcome = json.loads(self.vault.unmount("--json").stdout)
        self.assertEqual((outcome["code"], outcome["files"], outcome["not_saved"]), (0, 1, []))
        self.assertTrue(outcome["teardown"]["ok"])
        self.assertGreater(outcome["commit"], 0)

    def test_the_teardown_as_a_trace_and_as_a_graph(self):
        self.vault.unmount()
        trace, graph = self.folder / "trace.json", self.folder / "graph.dot"
        self.vault.mount("--teardown-trace", trace, "--teardown-graph", graph)
        self.vault.unmount()
        names = {event["name"] for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"}
        self.assertLessEqual({"session", "tree", "worker pool"}, names)
        edges = set(re.findall(r'"([^"]+)" -> "([^"]+)";', graph.read_text()))
        self.assertIn(("session", "filesystem"), edges)
        drawn = (Path(__file__).resolve().parents[3] / "docs" / "teardown.svg").read_text()
        drawn = re.findall(r"<title>([^<]+)&#45;&gt;([^<]+)</title>", drawn)
        self.assertEqual(set(drawn), edges, "docs/teardown.svg: draw it anew, with dot -Tsvg")

    def test_sigusr1_logs_what_is_alive(self):
        self.vault.signal_daemon(signal.SIGUSR1)
        wait_until(lambda: re.search("LocalObjectStore, .* created at ", self.vault.log_text()), "the guards are logged")
        self.assertTrue(self.vault.is_mounted())

    def test_the_teardown_report_is_logged(self):
        self.vault.unmount()
        log = self.vault.log_text()
        for layer in ("tree", "cache", "store"):
            self.assertRegex(log, f"(?i){layer}")

    def test_fusermount3(self):
        pid = self.vault.daemon()
        subprocess.run(["fusermount3", "-u", self.root], check=True)
        self.vault.wait_for_end(pid)
        self.expect_everything_after_a_remount()

    @unittest.skipUnless(os.geteuid() == 0, "umount(8) of a FUSE mount without an fstab entry is for root")
    def test_umount(self):
        pid = self.vault.daemon()
        subprocess.run(["umount", self.root], check=True)
        self.vault.wait_for_end(pid)
        self.expect_everything_after_a_remount()

    def test_sigterm(self):
        self.vault.wait_for_end(self.vault.signal_daemon(signal.SIGTERM))
        self.expect_everything_after_a_remount()

    def test_sigint(self):
        self.vault.wait_for_end(self.vault.signal_daemon(signal.SIGINT))
        self.expect_everything_after_a_remount()

    def test_sigquit(self):
        self.vault.wait_for_end(self.vault.signal_daemon(signal.SIGQUIT))
        self.expect_everything_after_a_remount()

    def test_sigpipe_does_nothing(self):
        self.vault.signal_daemon(signal.SIGPIPE)
        (self.root / "more").write_bytes(b"more")
        self.vault.unmount()
        self.expect_everything_after_a_remount()

    def test_sighup_unmounts(self):
        self.vault.wait_for_end(self.vault.signal_daemon(signal.SIGHUP))
        self.expect_everything_after_a_remount()

    def test_sighup_does_nothing_under_nohup(self):
        self.vault.unmount()
        process = self.vault.mount_in_foreground(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: "requests served" in self.vault.log_text(), "the daemon has answered a later signal")
        self.assertNotIn("SIGHUP", self.vault.log_text())
        self.vault.unmount()
        self.assertEqual(process.wait(mount_fixture.WAIT_SECONDS), 0)

    def test_a_mount_right_after_an_unmount_waits_for_the_teardown(self):
        for _ in range(10):
            (self.root / "more").write_bytes(DATA)
            subprocess.run(["fusermount3", "-u", self.root], check=True)
            self.vault.mount()
        self.assertEqual((self.root / "folder" / "file").read_bytes(), DATA)

    def test_sigint_of_a_daemon_in_the_foreground(self):
        self.vault.unmount()
        process = self.vault.mount_in_foreground()
        (self.root / "more").write_bytes(b"more")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(mount_fixture.WAIT_SECONDS), 0)
        self.expect_everything_after_a_remount()
        self.assertEqual((self.root / "more").read_bytes(), b"more")

    def test_a_connection_abort(self):
        pid = self.vault.daemon()
        connection = mounts.fuse_connection(mounts.mount_at(self.root))
        abort(self, connection)
        self.vault.wait_for_end(pid)
        # The kernel keeps the aborted mount until somebody takes it away; the daemon may have.
        self.vault.mount()
        self.assertEqual((self.root / "folder" / "file").read_bytes(), DATA)

    def test_an_idle_timeout(self):
        self.vault.unmount()
        self.vault.mount("--idle", "1")
        pid = self.vault.daemon()
        self.vault.wait_for_end(pid)
        self.expect_everything_after_a_remount()

    def test_the_report_goes_to_a_file(self):
        self.vault.unmount()
        report = self.folder / "report"
        self.vault.mount("--teardown-report", report)
        self.vault.unmount()
        self.assertRegex(report.read_text(), "(?i)tree")

    def test_everything_is_dropped_before_what_it_uses(self):
        self.vault.unmount()
        report = self.folder / "report"
        self.vault.mount("--teardown-report", report)
        (self.root / "new").write_bytes(DATA)
        self.vault.unmount()
        expect_order(self, report.read_text())

    def test_a_clean_unmount_many_times(self):
        for number in range(10):
            (self.root / f"file{number}").write_bytes(b"%d" % number)
            self.vault.remount()
            for earlier in range(number + 1):
                self.assertEqual((self.root / f"file{earlier}").read_bytes(), b"%d" % earlier)


if __name__ == "__main__":
    unittest.main()
