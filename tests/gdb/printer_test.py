#!/usr/bin/env python3
"""Lets gdb print the guards of a small program (guards.cpp) with the library's pretty-printers.

    printer_test.py --gdb GDB --program PROGRAM --printers FILE
"""

import argparse
import subprocess
import sys
import unittest

arguments = None


def gdb(*commands, program=True):
    command = [arguments.gdb, "--batch", "--nx", "-iex", "set debuginfod enabled off", "-ex", f"source {arguments.printers}"]
    for text in commands:
        command += ["-ex", text]
    done = subprocess.run([*command, *([arguments.program] if program else [])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120)
    return done.stdout


def stopped(*commands):
    return gdb("break look_at_them", "run", "up", *commands)


class Printers(unittest.TestCase):
    def assert_says(self, output, pattern):
        self.assertRegex(output, pattern)

    def test_an_armed_guard_shows_its_place_and_its_resource(self):
        self.assert_says(stopped("print armed"), r"AsyncDropGuard<File> armed, made at .*guards\.cpp:20 = \{value = \{number = 11\}\}")

    def test_a_box_and_an_arc_do_so_too(self):
        output = stopped("print boxed", "print arc")
        self.assert_says(output, r"AsyncDropBox<File> armed, made at .*guards\.cpp:21 = \{value = \{number = 22\}\}")
        self.assert_says(output, r"AsyncDropArc<File> armed, made at .*guards\.cpp:25")

    def test_what_holds_nothing_says_so(self):
        output = stopped("print dropped", "print empty")
        self.assert_says(output, r"\$1 = AsyncDropGuard<File> dropped\n")
        self.assert_says(output, r"\$2 = AsyncDropGuard<File> empty\n")

    def test_the_registry_is_listed_the_oldest_first(self):
        self.assert_says(stopped("asyncdrop-live"), r'File "the journal", created at .*guards\.cpp:20\nFile, created at .*guards\.cpp:21\n')

    def test_a_registry_that_is_off_is_an_error_with_the_cure(self):
        self.assert_says(gdb("break main", "run", "asyncdrop-live"), r"set_guard_registry\(true\)")

    def test_without_the_printers_none_of_this_is_there(self):
        self.assertNotIn("armed, made at", stopped("disable pretty-printer", "print armed"))


def main():
    global arguments
    parser = argparse.ArgumentParser()
    for name in ("gdb", "program", "printers"):
        parser.add_argument(f"--{name}", required=True)
    arguments, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
