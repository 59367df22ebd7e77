"""Unmounting never touches what somebody else has mounted."""

import errno
import json
import os
import signal
import subprocess
import unittest

import common  # noqa: F401
import libc
from mount_fixture import MountTest, mounts, wait_until


CONNECTIONS = "/sys/fs/fuse/connections"


class WithALaterMount(MountTest):
    """Another vault, which is mounted when ours is gone."""

    NOT_MOUNTED, BUSY = 23, 22

    def numbers(self, directory):
        """Of the mount there: the two that the kernel gives out again as soon as they are free."""
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
            found = [line.split() for line in lines if line.split()[4] == str(directory)]
        return found[-1][0], found[-1][2]

    def make_later(self):
        later = self.make_vault("later")
        later.init()
        later.mount()
        (later.mount_point / "file").write_bytes(b"theirs")
        later.unmount()
        return later


@unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs is for root")
class SomebodyElsesMount(WithALaterMount):
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

    def test_status_and_unmount_find_a_mount_after_a_directory_above_it_was_renamed(self):
        self.vault.unmount()
        before, after = self.folder / "before" / "mnt", self.folder / "after" / "mnt"
        self.vault.mount_point = before
        before.mkdir(parents=True)
        self.vault.mount()
        (before / "file").write_bytes(b"ours")
        pid = self.vault.daemon()
        os.rename(self.folder / "before", self.folder / "after")
        [status] = json.loads(self.vault.run("status", "--json", after).stdout)
        self.assertEqual((status["pid"], status["mounted_on"]), (pid, [str(after)]))
        self.assertRegex(self.vault.run("status", after).stdout, f"(?m)^  mounted on +{after}$")
        done = self.vault.run("unmount", before, check=False)
        self.assertEqual(done.returncode, self.NOT_MOUNTED, done.stderr)
        self.assertIn(f"that is on {after}", done.stderr)
        done = self.vault.run("unmount", "--flush", after)
        self.assertIn("Flushed: 1 file", done.stdout)
        self.assertIn("All saved", done.stdout)
        self.vault.wait_for_end(pid)

    def test_a_mount_that_was_bound_elsewhere_goes_on_there(self):
        bound = self.folder / "bound"
        bound.mkdir()
        subprocess.run(["mount", "--bind", self.root, bound], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", bound], stderr=subprocess.DEVNULL)
        pid = self.vault.daemon()
        done = self.vault.run("unmount", self.root, check=False)
        self.assertEqual(done.returncode, self.BUSY, done.stderr)
        self.assertIn(f"the vault is mounted on {bound} as well", done.stderr)
        (bound / "file").write_bytes(b"ours")
        done = self.vault.run("unmount", bound)
        self.assertIn("All saved", done.stdout)
        self.vault.wait_for_end(pid)
        self.vault.mount()
        self.assertEqual((self.root / "file").read_bytes(), b"ours")

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
        self.expect_kept(self.make_later())

    def test_another_mount_of_the_same_vault_that_was_given_the_numbers_of_ours(self):
        (self.root / "file").write_bytes(b"theirs")
        self.vault.unmount()
        self.vault.mount("--read-only")
        self.vault.options.append("--read-only")
        later = self.make_vault("later", self.vault.path)
        self.expect_kept(later, "--read-only")


@unittest.skipUnless(os.geteuid() == 0, "mounting fusectl is for root")
class SomebodyElsesConnection(WithALaterMount):
    """With the control filesystem, in a mount namespace of this process: others must not see it come and go."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not os.path.isdir(CONNECTIONS):
            raise unittest.SkipTest(f"there is no {CONNECTIONS} here, which the kernel makes with FUSE: nothing is tested")
        libc.unshare_mounts()
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        if not os.path.ismount(CONNECTIONS):
            subprocess.run(["mount", "-t", "fusectl", "fusectl", CONNECTIONS], check=True)

    def test_a_daemon_that_gives_up_cuts_no_connection_but_its_own(self):
        """The kernel names a connection by the number of its mount's device, which the next mount gets."""
        later = self.make_later()
        for attempt in range(20):
            ours = self.make_vault(f"hanging{attempt}")
            ours.init()
            ours.mount("--store-fault", "write:3+:hang", "--teardown-timeout", "2", "--commit-interval-ms", "3600000")
            (ours.mount_point / "file").write_bytes(bytes(100_000))
            _, device = self.numbers(ours.mount_point)
            pid = ours.daemon()
            subprocess.run(["umount", "--lazy", ours.mount_point], check=True)
            later.mount()
            same = self.numbers(later.mount_point)[1] == device
            ours.wait_for_end(pid)
            self.assertEqual((later.mount_point / "file").read_bytes(), b"theirs")
            later.unmount()
            if same:
                return  # else somebody else has mounted something at the same moment
        self.fail("the kernel never gave the number of a mount's device to the next one")


if __name__ == "__main__":
    unittest.main()
