"""What a daemon inherits from whoever starts it."""

import os
import shlex
import subprocess
import unittest

from mount_fixture import MountTest


class InheritedDescriptors(MountTest):
    def test_closed_standard_descriptors_are_not_taken_by_files_of_the_vault(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                self.vault.unmount()
                command = " ".join(map(shlex.quote, map(str, [self.vault.program, *self.vault.mount_arguments()])))
                done = subprocess.run(["sh", "-c", f"{command} {closed}"], timeout=60)
                self.assertEqual(done.returncode, 0)
                self.vault.remember_daemon()
                for number in range(3):
                    self.assertEqual(os.readlink(f"/proc/{self.vault.daemon()}/fd/{number}"), "/dev/null")

    def test_a_daemon_does_not_keep_its_callers_pipes_open(self):
        self.vault.unmount()
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        try:
            subprocess.run([str(word) for word in [self.vault.program, *self.vault.mount_arguments()]], close_fds=False,
                           check=True, timeout=60)
        finally:
            os.close(writer)
        self.vault.remember_daemon()
        with open(reader, "rb") as pipe:
            self.assertEqual(pipe.read(), b"")  # would wait for the daemon's end


if __name__ == "__main__":
    unittest.main()
