"""The vaults in `images` can be opened, are as they were when they were made, and can be gone on with.

They were made by make_images with the versions that their lists name. If this fails, a change of the on-disk format has broken
a promise: vaults that exist must stay readable for ever.
"""

import json
import os
import stat
import tarfile
import unittest
from pathlib import Path

import contents
from contents import MountTest

IMAGES = Path(__file__).resolve().parent / "images"
NAMES = ("small", "small-chacha20", "large", "crashed", "crashed-twice", "forked", "accepted-fork", "many-segments")
WRONG_PASSWORD = 10
EXIT_CODES = {"clean": 0, "crash tail": 0, "fork": 17}


class Compatibility(MountTest):
    mounted = False

    def unpack(self, name):
        with tarfile.open(IMAGES / f"{name}.tar.xz") as tar:
            tar.extractall(self.vault.path)
        return json.loads((IMAGES / f"{name}.json").read_text())

    def look(self, command, *more):
        return self.vault.run(command, self.vault.path, *self.vault.password_arguments(), *more, check=False)

    def check(self, state):
        done = self.look("check", "--read-data", "--json")
        report = json.loads(done.stdout)
        self.assertEqual(report["findings"], [])
        self.assertIn(report["verdict"], state)
        self.assertEqual(done.returncode, EXIT_CODES[report["verdict"]], done.stderr)

    def compare(self, expected):
        found = contents.of(self.root)
        self.assertEqual(set(found), set(expected))
        for path, entry in expected.items():
            self.assertEqual(found[path], entry, path)

    def opens(self, name):
        image = self.unpack(name)
        states = image["states"]
        self.check(states)
        done = self.look("info")
        self.assertRegex(done.stdout, r"state +(" + "|".join(states) + r")\n")
        self.vault.mount("--read-only")
        self.compare(image["contents"])
        self.vault.unmount()
        if os.geteuid() == 0:  # their owner
            self.go_on(image)

    def go_on(self, image):
        """What this version writes on top is as good."""
        self.vault.mount(*(["--accept-fork"] if "fork" in image["states"] else []))
        self.compare(image["contents"])
        for path, entry in image["contents"].items():
            if "sha256" in entry and entry["size"] < 1 << 20:
                with open(self.root / path, "ab") as file:
                    file.write(b"more")
        self.write_synced(self.root / "of a later version", os.urandom(10_000))
        self.vault.unmount()
        self.check(["clean"])

    def test_a_password_of_before_slots_had_types_is_changed(self):
        self.unpack("small")
        before = json.loads((self.vault.path / "demofs.json").read_text())["key_slots"]
        self.assertNotIn("type", before[0])
        listed = json.loads(self.vault.run("key", "list", self.vault.path, "--json").stdout)["key_slots"]
        self.assertEqual([(slot["id"], slot["type"], slot["name"]) for slot in listed], [(0, "password", "")])
        new = ["--new-password-file", self.vault.write_password("new", "new"), "--weak-key-derivation"]
        self.vault.run("key", "add", self.vault.path, *self.vault.password_arguments(), *new)
        after = json.loads((self.vault.path / "demofs.json").read_text())["key_slots"]
        self.assertEqual(after[0], before[0])
        self.vault.run("key", "change", self.vault.path, "0", "--password-file", self.folder / "new", *new)
        self.assertEqual(self.look("info").returncode, WRONG_PASSWORD)
        self.vault.write_password("new")
        self.check(["clean"])

    def salvages(self, name):
        """What a salvage brings out is what a mount shows; of a crash, also what was never committed, without a name."""
        expected = self.unpack(name)["contents"]
        out = self.folder / "out"
        done = self.vault.run("salvage", self.vault.path, out, *self.vault.password_arguments(), check=False)
        found = contents.of(out)
        extra = {path for path in found if path.startswith("lost+found")} - set(expected)
        self.assertEqual(done.returncode, 14 if extra else 0, done.stdout + done.stderr)
        self.assertEqual(set(found) - extra, set(expected), done.stdout)
        for path, entry in expected.items():
            kept = set(entry) - ({"links"} if stat.S_ISDIR(int(entry["mode"], 8)) else set())
            kept -= {"owner"} if os.geteuid() != 0 else set()
            self.assertEqual({key: found[path][key] for key in kept}, {key: entry[key] for key in kept}, path)

    def test_no_image_is_missing(self):
        self.assertEqual({file.name.split(".")[0] for file in IMAGES.iterdir()}, set(NAMES))


for image_name in NAMES:
    setattr(Compatibility, "test_" + image_name.replace("-", "_"), lambda self, name=image_name: self.opens(name))
    setattr(Compatibility, "test_salvage_of_" + image_name.replace("-", "_"), lambda self, name=image_name: self.salvages(name))

if __name__ == "__main__":
    unittest.main()
