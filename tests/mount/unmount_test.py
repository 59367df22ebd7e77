"""Every cause of unmounting ends in the same orderly teardown: the daemon ends and nothing written is lost."""

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import mount_fixture
from mount_fixture import MountTest, mounts, wait_until

DATA = os.urandom(2_000_000)
NOT_A_VAULT, INCOMPLETE, BUSY, NOT_MOUNTED, NOT_SAVED, TIMED_OUT = 11, 13, 22, 23, 31, 32  # exit codes


def abort(test, connection):
    """Cuts a FUSE connection through the control filesystem."""
    standard = Path("/sys/fs/fuse/connections")
    if (standard / str(connection) / "abort").exists():
        (standard / str(connection) / "abort").write_text("1")
        return
    if os.geteuid() != 0:
        test.skipTest("the fusectl filesystem is not mounted, and only root can mount it")
    folder = Path(tempfile.mkdtemp(dir=test.folder))
    subprocess.run(["mount", "-t", "fusectl", "none", folder], check=True)
    try:
        (folder / str(connection) / "abort").write_text("1")
    finally:
        subprocess.run(["umount", folder], check=True)


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
        self.assertEqual(parts[0], "session")
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
        drawn = (Path(__file__).resolve().parents[2] / "docs" / "teardown.svg").read_text()
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
        edges, users, nodes = set(), [], {}
        for line in report.read_text().splitlines()[1:]:
            name, depth = re.sub(r"^[│├└─ ]*", "", line), re.match(r"^[│├└─ ]*", line).end() // 3
            name, _, rest = name.replace(" (see above)", ":").partition(":")
            users[depth - 1:] = [name]
            if depth > 1:
                edges.add((users[depth - 2], name))
            if rest:
                nodes[name] = re.match(r" (\w+) in ([0-9.]+) ms, begun at ([0-9.]+) ms", rest).groups()
        # A new node belongs here, and into docs/architecture.md.
        self.assertEqual(edges, {
            ("session", "filesystem"), ("session", "kernel calls"), ("filesystem", "last commit"), ("filesystem", "tree"),
            ("filesystem", "object store"), ("last commit", "tree"), ("tree", "block cache"),
            ("block cache", "write pipeline"), ("write pipeline", "segment log"), ("write pipeline", "object store"),
            ("write pipeline", "worker pool"), ("segment log", "object store"), ("object store", "store input and output"),
            ("object store", "worker pool"), ("store input and output", "worker pool")})
        for user, used in edges:
            state, took_ms, begun_ms = nodes[user]
            self.assertEqual(state, "dropped", user)
            rounding_ms = 0.2
            self.assertLessEqual(float(begun_ms) + float(took_ms), float(nodes[used][2]) + rounding_ms, f"{user}, then {used}")

    def test_a_clean_unmount_many_times(self):
        for number in range(10):
            (self.root / f"file{number}").write_bytes(b"%d" % number)
            self.vault.remount()
            for earlier in range(number + 1):
                self.assertEqual((self.root / f"file{earlier}").read_bytes(), b"%d" % earlier)


class OpenFiles(MountTest):
    """Somebody still has a file open when the vault is to be unmounted."""

    def test_demofs_unmount_says_that_the_mount_is_busy_and_leaves_it_alone(self):
        with open(self.root / "file", "wb", buffering=0) as file:
            file.write(b"one")
            done = self.vault.unmount(check=False)
            self.assertEqual(done.returncode, BUSY, done.stderr)
            self.assertRegex(done.stderr, "(?i)busy|in use|still open")
            self.assertTrue(self.vault.is_mounted())
            file.write(b" two")
        self.assertEqual((self.root / "file").read_bytes(), b"one two")
        self.vault.remount()
        self.assertEqual((self.root / "file").read_bytes(), b"one two")

    def test_after_a_lazy_fusermount3_the_open_file_still_works(self):
        self.lazily(lambda: subprocess.run(["fusermount3", "-u", "-z", self.root], check=True))

    def test_after_a_lazy_demofs_unmount_the_open_file_still_works(self):
        self.lazily(lambda: self.vault.unmount("--lazy"))  # returns although the file is open

    def lazily(self, unmount):
        pid = self.vault.daemon()
        with open(self.root / "file", "w+b", buffering=0) as file:
            file.write(b"one")
            unmount()
            self.assertFalse(self.vault.is_mounted())
            file.write(b" two")
            file.seek(0)
            self.assertEqual(file.read(), b"one two")
        self.vault.wait_for_end(pid)
        self.vault.mount()
        self.assertEqual((self.root / "file").read_bytes(), b"one two")

    def test_sigterm_with_an_open_file_detaches_the_mount_and_ends_when_the_file_is_closed(self):
        with open(self.root / "file", "w+b", buffering=0) as file:
            file.write(b"one")
            pid = self.vault.signal_daemon(signal.SIGTERM)
            wait_until(lambda: not self.vault.is_mounted(), "SIGTERM has detached the mount")
            file.write(b" two")
        self.vault.wait_for_end(pid)
        self.vault.mount()
        self.assertEqual((self.root / "file").read_bytes(), b"one two")

    def test_unmount_waits_for_a_daemon_that_is_detached_already(self):
        with open(self.root / "file", "w+b", buffering=0) as file:
            file.write(b"one")
            self.vault.signal_daemon(signal.SIGTERM)
            wait_until(lambda: not self.vault.is_mounted(), "SIGTERM has detached the mount")
            unmount = subprocess.Popen([self.vault.program, "unmount", self.root], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.assertIn(b"detached", unmount.stderr.readline())
        self.assertEqual(unmount.wait(mount_fixture.WAIT_SECONDS), 0)
        unmount.stderr.close()
        self.vault.mount()  # nobody holds the vault any more

    def test_a_second_sigterm_does_not_wait_for_the_open_file(self):
        descriptor = os.open(self.root / "file", os.O_RDWR | os.O_CREAT, 0o644)
        os.write(descriptor, b"one")
        os.fsync(descriptor)
        pid = self.vault.signal_daemon(signal.SIGTERM)
        wait_until(lambda: not self.vault.is_mounted(), "the first SIGTERM has detached the mount")
        os.kill(pid, signal.SIGTERM)
        self.vault.wait_for_end(pid)
        self.assert_errno(errno.ENOTCONN, os.close, descriptor)
        self.vault.mount()
        self.assertEqual((self.root / "file").read_bytes(), b"one")


class UnwrittenPages(MountTest):
    """A program has a file open, and what it wrote lies in the kernel's page cache."""

    def setUp(self):
        super().setUp()
        self.vault.unmount()
        self.process = self.vault.mount_in_foreground()

    def test_a_second_signal_saves_what_was_written_before_it(self):
        writer = self.start_writer(self.root / "file")
        writer.write(DATA)
        self.process.send_signal(signal.SIGINT)
        wait_until(lambda: not self.vault.is_mounted(), "the first SIGINT has detached the mount")
        writer.write(DATA)
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(mount_fixture.WAIT_SECONDS), 0)
        self.assertEqual(writer.close(), "ENOTCONN")
        self.vault.mount()
        self.assertTrue((self.root / "file").read_bytes() == DATA + DATA)

    def expect_to_be_told_of_the_loss(self, cut):
        with open(self.root / "flushed", "wb", buffering=0) as file:
            file.write(DATA)
        writer = self.start_writer(self.root / "file")
        writer.write(DATA)
        inode = os.stat(self.root / "file").st_ino
        cut()
        self.assertEqual(self.process.wait(mount_fixture.WAIT_SECONDS), NOT_SAVED)
        self.assertNotEqual(writer.close(), "closed")
        self.assertRegex(self.vault.log_text(), f"may be lost in 1 files, with the inode numbers {inode};")
        self.vault.mount()
        self.assertTrue((self.root / "flushed").read_bytes() == DATA)

    def test_a_connection_abort_names_the_files_whose_pages_are_lost(self):
        connection = mounts.fuse_connection(mounts.mount_at(self.root))
        self.expect_to_be_told_of_the_loss(lambda: abort(self, connection))

    @unittest.skipUnless(os.geteuid() == 0, "umount -f is for root")
    def test_umount_with_force_names_the_files_whose_pages_are_lost(self):
        self.expect_to_be_told_of_the_loss(lambda: subprocess.run(["umount", "-f", self.root], stderr=subprocess.DEVNULL))


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


@unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs is for root")
class SomebodyElsesMount(MountTest):
    """Where the vault was mounted, another filesystem is by now: it is none of the daemon's business."""

    def mount_another(self):
        subprocess.run(["mount", "-t", "tmpfs", "another", self.root], check=True)
        (self.root / "theirs").write_bytes(b"theirs")

    def expect_the_other_mount(self):
        self.assertEqual(mounts.mount_at(self.root).type, "tmpfs")
        self.assertEqual((self.root / "theirs").read_bytes(), b"theirs")

    def test_on_the_same_place_after_detaching(self):
        descriptor = os.open(self.root / "file", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(descriptor, b"ours")
        pid = self.vault.signal_daemon(signal.SIGTERM)
        wait_until(lambda: not self.vault.is_mounted(), "SIGTERM has detached the mount")
        self.mount_another()
        os.kill(pid, signal.SIGTERM)
        self.vault.wait_for_end(pid)
        self.expect_the_other_mount()
        self.assert_errno(errno.ENOTCONN, os.close, descriptor)
        subprocess.run(["umount", self.root], check=True)
        self.vault.mount()
        self.assertEqual((self.root / "file").read_bytes(), b"ours")

    def test_mounted_over_it(self):
        (self.root / "file").write_bytes(b"ours")
        self.mount_another()
        pid = self.vault.signal_daemon(signal.SIGTERM)
        wait_until(lambda: "mounted over it" in self.vault.log_text(), "the daemon says what is in its way")
        self.expect_the_other_mount()
        os.kill(pid, signal.SIGTERM)
        self.vault.wait_for_end(pid)
        self.expect_the_other_mount()
        subprocess.run(["umount", self.root], check=True)
        self.vault.mount()  # takes the dead mount away that lay below
        self.assertEqual((self.root / "file").read_bytes(), b"ours")

    def test_the_mount_itself_is_found_after_a_directory_above_it_was_renamed(self):
        self.vault.unmount()
        self.vault.mount_point = self.folder / "before" / "mnt"
        self.vault.mount_point.mkdir(parents=True)
        self.vault.mount()
        (self.root / "file").write_bytes(b"ours")
        pid = self.vault.daemon()
        os.rename(self.folder / "before", self.folder / "after")
        os.kill(pid, signal.SIGTERM)
        self.vault.wait_for_end(pid)
        self.assertEqual(mounts.mounts_under(self.folder), [])
        os.rename(self.folder / "after", self.folder / "before")
        self.vault.mount()
        self.assertEqual((self.root / "file").read_bytes(), b"ours")


if __name__ == "__main__":
    unittest.main()
