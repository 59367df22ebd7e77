"""Unmounting while programs have files open, or have written what only the kernel has."""

import errno
import mmap
import os
import signal
import subprocess
import unittest

from common import BUSY, DATA, NOT_SAVED, TIMED_OUT, abort
import mount_fixture
from mount_fixture import MountTest, mounts, wait_until


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

    def test_a_busy_mount_is_said_to_be_used_by_whom(self):
        reader = subprocess.Popen(["sleep", "1000"], cwd=self.root)
        self.addCleanup(reader.wait)
        self.addCleanup(reader.kill)
        here = os.getpid()
        with open(self.root / "file", "wb", buffering=0), open(self.root / "other", "wb", buffering=0):
            for options in ((), ("--flush",)):
                done = self.vault.unmount(*options, check=False)
                self.assertEqual(done.returncode, BUSY, done.stderr)
                self.assertIn(f"sleep ({reader.pid}: working directory)", done.stderr)
                self.assertIn(f"({here}: 2 open files)", done.stderr)

    def test_by_whom_it_is_used_is_said_although_the_daemon_does_not_answer(self):
        # By another process: whatever this one starts closes copies of its files, and each close waits for the daemon.
        writer = self.start_writer(self.root / "file")
        writer.write(b"one")
        pid = self.vault.signal_daemon(signal.SIGSTOP)
        try:
            done = self.vault.unmount(check=False)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(done.returncode, BUSY, done.stderr)
        self.assertRegex(done.stderr, rf"\({writer.process.pid}: 1 open file\)")
        self.assertEqual(writer.close(), "closed")

    def test_a_mapped_file_keeps_a_mount_busy(self):
        with open(self.root / "file", "w+b", buffering=0) as file:
            file.write(bytes(4096))
            mapping = mmap.mmap(file.fileno(), 4096)
        with mapping:
            done = self.vault.unmount(check=False)
            self.assertEqual(done.returncode, BUSY, done.stderr)
            self.assertRegex(done.stderr, f"{os.getpid()}: .*mapped file")

    @unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs is for root")
    def test_what_is_mounted_inside_keeps_a_mount_busy(self):
        inside = self.root / "inside"
        inside.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "inside", inside], check=True)
        try:
            done = self.vault.unmount(check=False)
        finally:
            subprocess.run(["umount", inside], check=True)
        self.assertEqual(done.returncode, BUSY, done.stderr)
        self.assertIn(f"something is mounted inside, on {inside}; unmount that first", done.stderr)

    def test_who_keeps_a_detached_mount_from_ending_is_said(self):
        with open(self.root / "file", "wb", buffering=0) as file:
            file.write(b"one")
            self.vault.unmount("--lazy")
            pid = self.vault.daemon()
            done = self.vault.unmount("--timeout", "1", check=False)
            self.assertEqual(done.returncode, TIMED_OUT, done.stderr)
            self.assertRegex(done.stderr, rf"is detached already; waiting .* in use by .*\({os.getpid()}: 1 open file\)")
            self.assertRegex(done.stderr, rf"after 1 s; it goes on: waiting until its files are closed: in use by .*\({os.getpid()}: 1 open file\)")
        self.vault.wait_for_end(pid)

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
        self.assertRegex(self.vault.log_text(), f"may be lost in 1 file, with the inode number {inode};")
        self.vault.mount()
        self.assertTrue((self.root / "flushed").read_bytes() == DATA)

    def test_a_connection_abort_names_the_files_whose_pages_are_lost(self):
        connection = mounts.fuse_connection(mounts.mount_at(self.root))
        self.expect_to_be_told_of_the_loss(lambda: abort(self, connection))

    @unittest.skipUnless(os.geteuid() == 0, "taking a mount away whose daemon is stopped is for root")
    def test_a_connection_abort_is_known_when_the_mount_is_gone_as_well(self):
        connection = mounts.fuse_connection(mounts.mount_at(self.root))
        writer = self.start_writer(self.root / "file")
        writer.write(DATA)
        writer.flush()
        writer.write(DATA)
        inode = os.stat(self.root / "file").st_ino
        self.process.send_signal(signal.SIGSTOP)
        abort(self, connection)
        subprocess.run(["umount", "--lazy", self.root], check=True)
        self.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.process.wait(mount_fixture.WAIT_SECONDS), NOT_SAVED)
        self.assertNotEqual(writer.close(), "closed")
        self.assertRegex(self.vault.log_text(), f"may be lost in 1 file, with the inode number {inode};")

    @unittest.skipUnless(os.geteuid() == 0, "umount -f is for root")
    def test_umount_with_force_names_the_files_whose_pages_are_lost(self):
        self.expect_to_be_told_of_the_loss(lambda: subprocess.run(["umount", "-f", self.root], stderr=subprocess.DEVNULL))


if __name__ == "__main__":
    unittest.main()
