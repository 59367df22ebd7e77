"""What `mount --store-fault` does: a store that fails, hangs or is slow on purpose, said wherever somebody may look."""

import errno
import json
import re
import shutil
import signal
import subprocess
import unittest

from common import DATA, EDGES_WITH_FAULT, NOT_SAVED, TIMED_OUT, expect_order, read_report
from mount_fixture import MountTest, wait_until

USAGE = 2
SOME = DATA[:100_000]  # is written when it is to be saved, not before


class InjectedFaults(MountTest):
    """The first two writes of a mount are for the numbers of its new files, the third is of the first file."""

    mounted = False

    def mount(self, *faults, options=()):
        self.vault.init()
        self.report = self.folder / "report"
        hour_ms = 3_600_000  # no commit by itself
        faults = [word for fault in faults for word in ("--store-fault", fault)]
        return self.vault.mount("--commit-interval-ms", hour_ms, "--teardown-report", self.report, *faults, *options)

    def test_it_is_said_at_the_mount_in_the_status_and_in_the_report(self):
        done = self.mount("read:1000:eio", "sync:1000+:hang")
        for fault in ("read:1000:eio", "sync:1000\\+:hang"):
            self.assertRegex(done.stderr, f"made to misbehave .*--store-fault {fault}")
            self.assertRegex(self.vault.log_text(), f"made to misbehave: --store-fault {fault}")
        [status] = json.loads(self.vault.run("status", "--json", self.root).stdout)
        self.assertEqual(status["store_faults"], ["read:1000:eio", "sync:1000+:hang"])
        self.assertRegex(self.vault.run("status", self.root).stdout, "(?m)^  injected fault +read:1000:eio$")
        (self.root / "file").write_bytes(SOME)
        self.assertRegex(self.vault.unmount("-v").stdout, r"(?m)^  store fault +\|")
        for file in (self.report, self.vault.log):
            self.assertEqual(file.stat().st_mode & 0o777, 0o600, file)
        expect_order(self, self.report.read_text(), edges=EDGES_WITH_FAULT)
        self.vault.mount()
        self.assertTrue((self.root / "file").read_bytes() == SOME)
        [status] = json.loads(self.vault.run("status", "--json", self.root).stdout)
        self.assertEqual(status["store_faults"], [])

    def test_a_disk_that_fills_up_is_enospc_and_what_was_saved_before_is_there(self):
        self.mount("write:4+:enospc")
        written, code = 0, None
        while code is None and written < 50:
            try:
                self.write_synced(self.root / f"file{written}", b"%d" % written)
                written += 1
            except OSError as error:
                code = error.errno
        self.assertEqual(code, errno.ENOSPC)
        self.assertGreater(written, 0)
        done = self.vault.unmount(check=False)
        self.assertEqual(done.returncode, NOT_SAVED, done.stderr)
        self.assertRegex(done.stderr, f"(?m)^  file{written}$")
        self.assertRegex(self.report.read_text(), r"(?m)^not saved: the last changes of 2 files, with the inode numbers [0-9]+ ")
        self.assertRegex(self.vault.log_text(), "Injected fault: cannot append object .*No space left on device")
        self.vault.mount()
        for number in range(written):
            self.assertEqual((self.root / f"file{number}").read_bytes(), b"%d" % number)

    def test_the_first_name_of_a_mount_tells_how_the_store_fails(self):
        for name in ("eio", "enospc"):
            with self.subTest(name):
                self.mount(f"write:1:{name}")
                for expected in (name.upper(), "EROFS"):
                    with self.assertRaises(OSError) as caught:
                        (self.root / "file").write_bytes(b"")
                    self.assertEqual(errno.errorcode[caught.exception.errno], expected)
                self.vault.unmount(check=False)
                shutil.rmtree(self.vault.path)

    def test_one_failed_write_ends_the_mount_s_writing(self):
        self.mount("write:3:eio")
        with self.assertRaises(OSError) as caught:
            self.write_synced(self.root / "file", SOME)
        self.assertEqual(caught.exception.errno, errno.EIO)
        self.assertEqual(self.vault.unmount(check=False).returncode, NOT_SAVED)

    def test_a_hanging_store_is_given_up_and_counted(self):
        self.mount("write:3+:hang", options=("--teardown-timeout", "1"))
        (self.root / "file").write_bytes(SOME)
        pid = self.vault.daemon()
        done = self.vault.unmount(check=False)
        self.assertEqual(done.returncode, TIMED_OUT, done.stderr)
        self.assertRegex(done.stderr, "(?m)^  file$")
        nodes, edges = read_report(self.report.read_text())
        self.assertEqual(edges, EDGES_WITH_FAULT)
        self.vault.wait_for_end(pid)
        self.vault.mount()
        self.assertFalse((self.root / "file").exists())

    def test_the_status_counts_what_hangs(self):
        self.mount("write:3:hang", options=("--teardown-timeout", "3"))
        (self.root / "file").write_bytes(SOME)
        subprocess.run(["fusermount3", "-u", self.root], check=True)

        def hanging():
            done = self.vault.run("status", "--json", self.root, check=False)
            return done.returncode == 0 and json.loads(done.stdout)[0]["held_operations"] == 1
        wait_until(hanging, "the operation hangs")
        wait_until(lambda: not self.vault.find_daemons(), "the daemon has given up")

    def test_the_status_tells_what_a_mount_in_use_waits_for(self):
        self.mount("write:3:hang", options=("--teardown-timeout", "2"))
        [status] = json.loads(self.vault.run("status", "--json", self.root).stdout)
        self.assertEqual((status["store_waits_for"], status["store_waits_s"]), (None, None))
        (self.root / "file").write_bytes(SOME)
        self.assertEqual(self.vault.unmount("--flush", "--timeout", "1", check=False).returncode, TIMED_OUT)  # the flush goes on

        def told():
            said = self.vault.run("status", self.root).stdout
            return re.search(r"(?m)^  store +append of object [0-9a-z_-]+ in directory .*, waiting for [0-9.]+ s$", said)
        wait_until(told, "the operation is told")
        [status] = json.loads(self.vault.run("status", "--json", self.root).stdout)
        self.assertEqual(status["state"], "mounted")
        self.assertRegex(status["store_waits_for"], "^append of ")
        self.assertGreater(status["store_waits_s"], 0)
        self.vault.signal_daemon(signal.SIGUSR1)
        wait_until(lambda: "The oldest operation of the store: append of " in self.vault.log_text(), "it is logged")
        done = self.vault.unmount(check=False)
        self.assertEqual(done.returncode, TIMED_OUT, done.stderr)
        wait_until(lambda: not self.vault.find_daemons(), "the daemon has given up")

    def test_the_log_says_when_the_store_does_not_answer_and_when_it_does_again(self):
        self.mount("write:3:delay=16000")
        self.write_synced(self.root / "file", SOME)
        wait_until(lambda: "The store answers again" in self.vault.log_text(), "it is said")
        self.assertEqual(len(re.findall(r"The store has not answered for 1[0-9]\.[0-9] s: append of ", self.vault.log_text())), 1)
        self.assertRegex(self.vault.log_text(), r"The store answers again, after about (1[6-9]|2[0-9])\.[0-9] s")

    def test_a_slow_store_saves_everything(self):
        self.mount("write:1+:delay=20", "sync:1+:delay=20", "read:1+:delay=5")
        (self.root / "file").write_bytes(SOME)
        self.assertRegex(self.vault.unmount().stdout, "^All saved: 1 file, ")
        self.vault.mount()
        self.assertTrue((self.root / "file").read_bytes() == SOME)

    def test_what_is_no_fault_is_said_before_anything_happens(self):
        self.vault.init()
        for fault in ("write", "write:0:eio", "jump:1:eio", "write:1:burn"):
            done = self.vault.mount("--store-fault", fault, check=False)
            self.assertEqual(done.returncode, USAGE)
            self.assertRegex(done.stderr, f"--store-fault.*\"{fault}\" is no fault of a store: ")


if __name__ == "__main__":
    unittest.main()
