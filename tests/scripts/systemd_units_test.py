"""systemd finds nothing wrong with the units of the package and with the one in docs/cli.md, and they run what the program has.

Environment: DEMOFS is the program.
"""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "packaging/systemd"


class Units(unittest.TestCase):
    def verify(self, manager, name, text):
        """What systemd has to say of this unit."""
        with tempfile.TemporaryDirectory() as folder:
            unit = Path(folder) / name
            unit.write_text(text.replace("/usr/bin/demofs", os.environ["DEMOFS"]))
            done = subprocess.run(["systemd-analyze", f"--{manager}", "verify", "--man=no", unit], capture_output=True, text=True,
                                  timeout=60, env={**os.environ, "XDG_RUNTIME_DIR": folder})
        if "Failed to initialize manager" in done.stderr:
            self.skipTest(done.stderr.strip())
        # Other units of this machine may have problems of their own.
        return "\n".join(line for line in done.stderr.splitlines() if name in line)

    def setUp(self):
        try:
            subprocess.run(["systemd-analyze", "--version"], capture_output=True, timeout=60, check=True)
        except FileNotFoundError:
            self.skipTest("systemd-analyze is not installed")

    def test_the_services_are_units(self):
        for manager in ("user", "system"):
            text = (UNITS / manager / "demofs@.service").read_text()
            self.assertEqual(self.verify(manager, "demofs@test.service", text), "")
            self.assertIn("Bogus", self.verify(manager, "demofs@test.service", text + "Bogus=1\n"))  # it would be seen
            self.assertIn("not executable", self.verify(manager, "demofs@test.service", text.replace("/usr/bin/demofs", "/usr/bin/demo")))

    def test_the_documented_mount_is_a_unit(self):
        [(name, text)] = re.findall(r"(?ms)^```ini\n# /etc/systemd/system/(\S+\.mount)\n(.*?)^```", (ROOT / "docs/cli.md").read_text())
        self.assertEqual(self.verify("system", name, text), "")
        self.assertNotEqual(self.verify("system", "other.mount", text), "")  # a mount's name is its place

    def test_the_options_are_those_of_the_program(self):
        for manager in ("user", "system"):
            text = (UNITS / manager / "demofs@.service").read_text()
            calls = re.findall(r"(?m)^Exec\w+=/usr/bin/demofs (\w+)(.*)", text)
            self.assertEqual([command for command, _ in calls], ["mount", "unmount"])
            for command, rest in calls:
                helped = subprocess.run([os.environ["DEMOFS"], command, "--help"], capture_output=True, text=True, timeout=60).stdout
                for option in re.findall(r"--[a-z-]+", rest):
                    self.assertIn(option, helped)


if __name__ == "__main__":
    unittest.main()
