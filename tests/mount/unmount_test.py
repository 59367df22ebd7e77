"""Every cause of unmounting ends in the same orderly teardown: the daemon ends and nothing written is lost."""

import errno
import os
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import mount_fixture
from mount_fixture import MountTest, mounts, wait_until

DATA = os.urandom(2_000_000)
BUSY, NOT_SAVED = 22, 31  # exit codes


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

    def test_demofs_unmount_waits_for_the_daemon_and_prints_the_report(self):
        pid = self.vault.daemon()
        done = self.vault.unmount()
        self.assertFalse(mount_fixture.process_exists(pid), "the daemon is still running")
        self.assertRegex(done.stdout, "(?i)store")
        self.assertRegex(done.stdout, "(?i)tree")
        self.expect_everything_after_a_remount()

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
            ("session", "filesystem"), ("session", "kernel calls"), ("filesystem", "tree"), ("filesystem", "object store"),
            ("tree", "block cache"),            ("block cache", "write pipeline"), ("write pipeline", "segment log"), ("write pipeline", "object store"),
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
        # It waits for the daemon, which waits for the file: so in the background.
        unmount = None

        def start():
            nonlocal unmount
            unmount = subprocess.Popen([self.vault.program, "unmount", "--lazy", self.root], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: not self.vault.is_mounted(), "the mount is detached")

        self.lazily(start)
        self.assertEqual(unmount.wait(mount_fixture.WAIT_SECONDS), 0)

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
