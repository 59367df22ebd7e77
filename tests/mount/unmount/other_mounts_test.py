"""Unmounting never touches what somebody else has mounted."""

import errno
import os
import signal
import subprocess
import unittest

import common  # noqa: F401
from mount_fixture import MountTest, mounts, wait_until


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

    def numbers(self, directory):
        """Of the mount there: the two that the kernel gives out again as soon as they are free."""
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
            found = [line.split() for line in lines if line.split()[4] == str(directory)]
        return found[-1][0], found[-1][2]

    def expect_kept(self, later, *options):
        """Our mount goes away while its daemon sleeps, and its numbers are given to `later`: the daemon must not take that for its own."""
        for _ in range(20):
            ours = self.numbers(self.root)
            pid = self.vault.signal_daemon(signal.SIGSTOP)
            try:
                subprocess.run(["umount", "--lazy", self.root], check=True)
                later.mount(*options)
                same = self.numbers(later.mount_point) == ours
            finally:
                os.kill(pid, signal.SIGCONT)
            self.vault.wait_for_end(pid)
            self.assertTrue(later.is_mounted())
            self.assertEqual((later.mount_point / "file").read_bytes(), b"theirs")
            later.unmount()
            if same:
                return
            self.vault.mount()  # somebody else has mounted something at the same moment
        self.fail("the kernel never gave the numbers of a mount to the next one")

    def test_a_mount_that_was_given_the_numbers_of_ours(self):
        later = self.make_vault("later")
        later.init()
        later.mount()
        (later.mount_point / "file").write_bytes(b"theirs")
        later.unmount()
        self.expect_kept(later)

    def test_another_mount_of_the_same_vault_that_was_given_the_numbers_of_ours(self):
        (self.root / "file").write_bytes(b"theirs")
        self.vault.unmount()
        self.vault.mount("--read-only")
        self.vault.options.append("--read-only")
        later = self.make_vault("later", self.vault.path)
        self.expect_kept(later, "--read-only")


if __name__ == "__main__":
    unittest.main()
