"""What the tests of the examples stand on: the program under test, started and, however the test ends, ended by process id.

Environment: EXAMPLE is the program. Waiting is always for a condition; WAIT_SECONDS only bounds how long a broken program can
hold up the tests.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

WAIT_SECONDS = 60


def wait_until(condition, what):
    """Waits for condition() to be true; fails with the words if it never is."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {WAIT_SECONDS} s in vain until {what}")
        time.sleep(0.005)


class Program:
    """A running program whose output is collected line by line."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([os.environ["EXAMPLE"], *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        self.out, self.err = [], []
        self.changed = threading.Condition()
        self.readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()

    def _read(self, stream, lines):
        for line in stream:
            with self.changed:
                lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def texts(self):
        return "\n".join(self.out), "\n".join(self.err)

    def wait_for(self, pattern, lines=None):
        """The match of the first line of the output (or of self.err) that the pattern matches."""
        lines = self.out if lines is None else lines

        def found():
            return next(filter(None, (re.search(pattern, line) for line in lines)), None)

        with self.changed:
            self.changed.wait_for(lambda: found() or not any(r.is_alive() for r in self.readers), WAIT_SECONDS)
            match = found()
        if not match:
            raise AssertionError(f"never printed {pattern!r}; output and errors: {self.texts()}")
        return match

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end_of_input(self):
        self.process.stdin.close()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self):
        """Waits for the end; the collected output is complete afterwards."""
        code = self.process.wait(WAIT_SECONDS)
        for reader in self.readers:
            reader.join(WAIT_SECONDS)
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()  # this process, by id
        self.process.wait()
        for reader in self.readers:
            reader.join(WAIT_SECONDS)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass


class ExampleTest(unittest.TestCase):
    """Gives each test a folder of its own, self.folder."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="asyncdrop-example-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, *arguments):
        program = Program(*arguments)
        self.addCleanup(program.kill)
        return program

    def assert_ends(self, program, code):
        ended_with = program.exit_code()
        self.assertEqual(ended_with, code, program.texts())
        for line in program.err:
            self.assertNotIn("Forgot to call async_drop", line)
