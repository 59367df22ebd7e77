"""Each cause of unmounting over each kind of store in each state of the mount: who can know it is told, all nodes are
dropped in order, what was promised is there after the next mount, and `demofs check` finds nothing wrong.

    matrix_test.py -v Matrix.test_sigterm_twice__slow__open     one of them
    matrix_test.py -k __slow__                                  those of a store, as CTest runs them
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

from common import DATA, EDGES, EDGES_WITH_FAULT, NOT_SAVED, TIMED_OUT, abort, expect_order, read_report
import mount_fixture
from mount_fixture import MountTest, mounts, wait_until

STATES = ("idle", "dirty", "open", "unlinked", "busy", "reclaiming")

# What each store is made of, and the states in which it makes a difference. A deleted vault can be told of as such once; what a
# slow store has to save, and whether there is anything to save at all for one that fails or hangs, makes the difference; the
# reclaimer is kept busy by reads that take long.
SAVING = ("dirty", "open", "unlinked", "busy")
STORES = {
    "good": STATES,
    "slow": SAVING,
    "deleted": ("idle", "dirty"),
    "failing": SAVING,
    "full": ("dirty", "open"),
    "hanging": ("dirty", "open"),
}
# The first two writes of a mount are for the numbers of its new files.
FAULTS = {
    "failing": ("write:3+:eio",),
    "full": ("write:3+:enospc",),
    "hanging": ("write:3+:hang",),
}
SLOW_READS = ("read:1+:delay=50",)

# Writes files in a folder, one after the other, and says which are closed, until that fails.
BUSY = """
import sys
try:
    number = 0
    while True:
        with open(f"{sys.argv[1]}/{number}", "xb", buffering=0) as file:
            file.write(b"%d " % number * 1000)
        print(number, flush=True)
        number += 1
except OSError as error:
    print(error.strerror)
"""


class Cause:
    """How the mount is made to end."""

    def __init__(self, act, *, polite=False, cuts=False, options=(), states=STATES, root=False):
        self.act = act  # called with the test
        self.polite = polite  # refused while files are open
        self.cuts = cuts  # what only the kernel has is lost
        self.options, self.states, self.root = options, states, root


def send(number):
    def act(test):
        test.process.send_signal(number)
    return act


def send_twice(number):
    def act(test):
        test.process.send_signal(number)
        wait_until(lambda: not test.vault.is_mounted(), "the first signal has unmounted or detached")
        if test.process.poll() is None:
            test.process.send_signal(number)
    return act


def run(*command):
    def act(test):
        return subprocess.run([*command, test.root], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    return act


CAUSES = {
    "demofs_unmount": Cause(lambda test: test.vault.unmount(check=False).returncode, polite=True),
    "fusermount3": Cause(run("fusermount3", "-u"), polite=True),
    "umount": Cause(run("umount"), polite=True, root=True),
    "lazy_unmount": Cause(lambda test: test.vault.unmount("--lazy", check=False).returncode),
    "sigterm": Cause(send(signal.SIGTERM)),
    "sigint": Cause(send(signal.SIGINT)),
    "sighup": Cause(send(signal.SIGHUP)),
    "sigquit": Cause(send(signal.SIGQUIT)),
    "sigterm_twice": Cause(send_twice(signal.SIGTERM)),
    "sigint_twice": Cause(send_twice(signal.SIGINT)),
    "idle_time_out": Cause(lambda test: None, options=("--idle", "1"), states=("idle", "dirty", "reclaiming")),
    "abort": Cause(lambda test: abort(test, mounts.fuse_connection(mounts.mount_at(test.root))), cuts=True, root=True),
    "umount_with_force": Cause(run("umount", "-f"), cuts=True, root=True),
}


class Pulse:
    """Stops a process most of the time: what it serves is slow."""

    def __init__(self, pid):
        self.pid, self.ended = pid, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            time.sleep(0.03)
            os.kill(self.pid, signal.SIGCONT)
            self.ended.wait(0.01)

    def end(self):
        self.ended.set()
        self.thread.join()


class Matrix(MountTest):
    mounted = False

    def mount(self, store, state, options):
        if store == "slow":
            server = self.make_vault("server")
            server.init()
            server.mount()
            self.vault.path = server.mount_point / "vault"
        self.vault.init()
        self.report = self.folder / "report"
        self.faults = FAULTS.get(store, SLOW_READS if state == "reclaiming" else ())
        if self.faults:  # they strike from the mount on: what is there before has its own
            self.vault.mount()
            self.write_synced(self.root / "before", DATA)
            if state == "reclaiming":
                self.write_synced(self.root / "large", os.urandom(16 << 20))
            self.vault.unmount()
        hour_ms = 3_600_000  # no commit by itself: the teardown has something to do
        self.vault.options = ["--teardown-report", self.report, "--commit-interval-ms", hour_ms, *options]
        for fault in self.faults:
            self.vault.options += ["--store-fault", fault]
        if store == "hanging":
            self.vault.options += ["--teardown-timeout", "1"]
        self.process = self.vault.mount_in_foreground()
        self.vault.options = []
        if not self.faults:
            self.write_synced(self.root / "before", DATA)
        if store == "slow":
            pulse = Pulse(server.daemon())
            self.addCleanup(self.vault.clean_up)
            self.addCleanup(pulse.end)

    # -- the states: what was promised, and what is let go of to let the mount end -----------------------------------

    def enter(self, state):
        """Returns what must be in the vault after the teardown (None: must not), and a function that ends the state."""
        name = self.root / "file"
        data = DATA[:100_000] if self.faults else DATA  # little is written when it is to be saved, not before
        if state == "idle":
            return {}, lambda: None
        if state == "dirty":
            name.write_bytes(data)
            return {"file": data}, lambda: None
        if state == "reclaiming":
            (self.root / "large").unlink()
            return {"large": None}, lambda: None
        if state == "busy":
            (self.root / "folder").mkdir()
            busy = subprocess.Popen([sys.executable, "-c", BUSY, self.root / "folder"], stdout=subprocess.PIPE, encoding="ascii")
            first = busy.stdout.readline()
            kept = {}

            def end():
                # Asked for once more, it ends by itself when the mount is gone.
                said = [first, *busy.communicate()[0].splitlines()] if self.gone() else [first, *self.stop(busy)]
                numbers = [int(line) for line in said if line.strip().isdigit()]
                kept.update({f"folder/{number}": b"%d " % number * 1000 for number in numbers})
            return kept, end
        writer = self.start_writer(name)
        writer.write(data)
        if state == "unlinked":
            name.unlink()
            return {"file": None}, writer.close
        return {"file": data}, writer.close

    def gone(self):
        return not self.vault.is_mounted()

    @staticmethod
    def stop(process):
        process.terminate()
        return process.communicate()[0].splitlines()

    # -- one combination ------------------------------------------------------------------------------------------

    def check(self, cause, store, state):
        if cause.root and os.geteuid() != 0:
            self.skipTest("only root can do this")
        self.mount(store, state, cause.options)
        promised, end = self.enter(state)
        if store == "deleted":
            shutil.rmtree(self.vault.path)
        held = state in ("open", "unlinked", "busy")
        refused = cause.act(self)
        if cause.polite:
            if held and state != "busy":  # a busy program has no file open now and then
                self.assertNotEqual(refused, 0)
                self.assertTrue(self.vault.is_mounted())
            if refused and self.vault.is_mounted():
                end()
                end = None
                cause.act(self)
        elif held and not cause.cuts:
            wait_until(self.gone, "the mount is detached")
        if end:
            with contextlib.suppress(AssertionError) if cause.cuts else contextlib.nullcontext():
                end()
        code = self.process.wait(mount_fixture.WAIT_SECONDS)

        if store in FAULTS:
            self.expect_a_bad_end(store, code)
            return
        lost = cause.cuts and state in ("open", "unlinked", "busy")
        text = self.report.read_text()
        if store == "deleted":
            self.assertEqual(code, NOT_SAVED, text)
            self.assertRegex(self.vault.log_text(), "was deleted while the vault is in use")
            return
        expect_order(self, text, edges=EDGES_WITH_FAULT if self.faults else EDGES)
        if lost and state == "busy":
            self.assertIn(code, (0, NOT_SAVED))  # whether a file was open just then
        else:
            self.assertEqual(code, NOT_SAVED if lost else 0, text + self.vault.log_text())
        if code == NOT_SAVED:
            self.assertRegex(self.vault.log_text(), r"may be lost in [0-9]+ file")
        self.assertNotRegex(self.vault.log_text(), r"(?i)forgotten|leak")
        self.expect_after_the_next_mount(promised if not lost or state == "busy" else {})

    def expect_a_bad_end(self, store, code):
        """It is told, in order as far as it came, and the vault holds its last commit."""
        text, log = self.report.read_text(), self.vault.log_text()
        if store == "hanging":
            self.assertEqual(code, TIMED_OUT, text + log)
            self.assertEqual(read_report(text)[1], EDGES_WITH_FAULT)
            self.assertRegex(text, r": dropping")
            self.assertRegex(log, "Giving up")
        else:
            self.assertEqual(code, NOT_SAVED, text + log)
            expect_order(self, text, states=("dropped", "failed"), edges=EDGES_WITH_FAULT)
            self.assertRegex(log, "No space left on device" if store == "full" else "Input/output error")
            self.assertNotRegex(log, r"(?i)forgotten|leak")
        self.assertRegex(log, "not saved: the last changes of [0-9]+ file|may be lost in [0-9]+ file")
        self.assertFalse(self.vault.is_mounted())
        self.expect_after_the_next_mount({})

    def expect_after_the_next_mount(self, promised):
        done = self.vault.run("check", self.vault.path, *self.vault.password_arguments(), check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.vault.mount()
        for name, content in {"before": DATA, **promised}.items():
            if content is None:
                self.assertFalse((self.root / name).exists(), name)
            else:
                self.assertTrue((self.root / name).read_bytes() == content, name)


def add_test(name, cause, store, state):
    def test(self):
        self.check(cause, store, state)
    test.__name__ = f"test_{name}__{store}__{state}"
    setattr(Matrix, test.__name__, test)


for cause_name, a_cause in CAUSES.items():
    for a_store, states_of_store in STORES.items():
        for a_state in states_of_store:
            if a_state in a_cause.states:
                add_test(cause_name, a_cause, a_store, a_state)


if __name__ == "__main__":
    unittest.main()
