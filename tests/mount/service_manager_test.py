"""What a mount tells systemd: the protocol of sd_notify(3), from its socket's side."""

import contextlib
import os
import signal
import socket
import subprocess
import unittest

from mount_fixture import MountTest, WAIT_SECONDS

DATA = os.urandom(200_000)


class ServiceManager(MountTest):
    mounted = False

    def listen(self, address):
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        manager.settimeout(WAIT_SECONDS)
        return manager

    @contextlib.contextmanager
    def environment(self, address):
        os.environ["NOTIFY_SOCKET"] = address
        try:
            yield
        finally:
            del os.environ["NOTIFY_SOCKET"]

    @staticmethod
    def read_until(manager, wanted):
        """The messages up to the first that has this line, as lists of lines."""
        messages = []
        while not messages or wanted not in messages[-1]:
            messages.append(manager.recv(4096).decode().splitlines())
        return messages

    def expect_a_life(self, address, bind_to):
        self.vault.init()
        manager = self.listen(bind_to)
        with self.environment(address):
            process = self.vault.mount_in_foreground()
        self.assertEqual(self.read_until(manager, "READY=1")[0], ["READY=1", f"STATUS=mounted on {self.root}"])
        (self.root / "file").write_bytes(DATA)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.read_until(manager, "STOPPING=1")[-1], ["STOPPING=1", "STATUS=saving everything"])
        self.assertEqual(process.wait(WAIT_SECONDS), 0)

    def test_it_is_ready_when_it_answers_and_says_when_it_ends(self):
        address = str(self.folder / "notify")
        self.expect_a_life(address, address)

    def test_on_an_abstract_socket(self):
        name = f"demofs-test-{os.getpid()}"
        self.expect_a_life("@" + name, "\0" + name)

    def test_it_asks_for_time_while_something_is_being_saved(self):
        self.vault.init()
        manager = self.listen(str(self.folder / "notify"))
        self.vault.options = ["--commit-interval-ms", 3_600_000, "--store-fault", "write:3+:hang", "--teardown-timeout", "1"]
        with self.environment(str(self.folder / "notify")):
            process = self.vault.mount_in_foreground()
        (self.root / "file").write_bytes(DATA)
        process.send_signal(signal.SIGTERM)
        messages = self.read_until(manager, "EXTEND_TIMEOUT_USEC=30000000")
        self.assertRegex(messages[-1][0], r"^STATUS=[0-9.]+ k?B left to save")
        self.assertEqual(process.wait(WAIT_SECONDS), 32)

    def test_the_journal_gets_the_priority_of_each_line(self):
        self.vault.init()
        command = [self.vault.program, "mount", "-f", self.vault.path, self.root, *self.vault.password_arguments(),
                   "--commit-interval-ms", str(3_600_000), "--store-fault", "write:3+:enospc"]
        ours, theirs = os.pipe()
        stream = os.fstat(theirs)
        environment = {**os.environ, "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=theirs, env=environment)
        self.vault.foreground = process
        os.close(theirs)
        with open(ours, encoding="utf-8") as journal:
            lines = [journal.readline()]
            while lines[-1] and "Mounted" not in lines[-1]:
                lines.append(journal.readline())
            self.assertRegex(lines[-1], "^<6>Mounted ")
            (self.root / "file").write_bytes(DATA)
            process.send_signal(signal.SIGTERM)
            lines += journal.read().splitlines(keepends=True)
        self.assertEqual(process.wait(WAIT_SECONDS), 31)
        for line in lines:
            self.assertRegex(line, "^<[2-7]>")
        self.assertIn("<5>demofs: this mount's store is made to misbehave", "".join(lines))
        self.assertRegex("".join(lines), "(?m)^<3>Teardown of .*:\n<3>teardown of .*\n<3>")

    def test_why_a_mount_fails_is_an_error_in_the_journal(self):
        ours, theirs = os.pipe()
        stream = os.fstat(theirs)
        environment = {**os.environ, "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"}
        done = subprocess.run([self.vault.program, "mount", "-f", self.vault.path, self.root], stdin=subprocess.DEVNULL, stderr=theirs,
                              env=environment, timeout=WAIT_SECONDS)
        os.close(theirs)
        with open(ours, encoding="utf-8") as journal:
            self.assertRegex(journal.read(), "^<3>demofs: there is no vault at ")
        self.assertEqual(done.returncode, 11)

    def test_a_socket_that_is_gone_changes_nothing(self):
        self.vault.init()
        for address in (str(self.folder / "none"), "@demofs-none", "relative", "/" * 200, ""):
            with self.environment(address):
                self.vault.mount()
            self.vault.unmount()


if __name__ == "__main__":
    unittest.main()
