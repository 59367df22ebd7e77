"""`demofs salvage`: what comes out of a vault that a mount has filled and something has damaged."""

import json
import os
import shutil
import stat
import subprocess
import unittest
from pathlib import Path

from error_fixture import FAILURE, USAGE, WRONG_PASSWORD, NOT_A_VAULT, VAULT_DAMAGED
from mount_fixture import NOBODY, MountTest


def contents(folder):
    """Everything below a folder: path -> what it is, with mode and time of change."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        status = path.lstat()
        kept = (stat.S_IMODE(status.st_mode), status.st_mtime_ns)
        if path.is_symlink():
            found[str(path.relative_to(folder))] = ("link", os.readlink(path), status.st_mtime_ns)
        elif path.is_dir():
            found[str(path.relative_to(folder))] = ("folder", *kept)
        else:
            found[str(path.relative_to(folder))] = ("file", path.read_bytes(), status.st_nlink, *kept)
    return found


class Salvage(MountTest):
    def setUp(self):
        super().setUp()
        (self.root / "photos").mkdir()
        (self.root / "photos" / "2024").mkdir(mode=0o750)
        (self.root / "photos" / "2024" / "sea.jpg").write_bytes(os.urandom(300_000))
        (self.root / "letter.txt").write_text("Dear reader")
        (self.root / "letter.txt").chmod(0o600)
        (self.root / "empty").touch()
        os.link(self.root / "letter.txt", self.root / "photos" / "same letter.txt")
        os.symlink("photos/2024", self.root / "newest")
        os.utime(self.root / "letter.txt", ns=(10**18, 10**18 + 1))
        with open(self.root / "sparse", "wb") as file:
            file.seek(5_000_000)
            file.write(b"end")
        # What nobody may write into still gets its files.
        (self.root / "photos" / "2024").chmod(0o550)
        self.expected = contents(self.root)
        self.vault.unmount()
        self.out = self.folder / "out"

    def salvage(self, *more, out=None, code=0):
        arguments = ["salvage", self.vault.path, out or self.out, *self.vault.password_arguments(), *more]
        done = self.vault.run(*arguments, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def objects(self):
        return sorted((self.vault.path / "objects").iterdir())

    def stored(self):
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in self.objects()}

    def damage(self, file, offset):
        with open(file, "r+b") as stored:
            stored.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
            byte = stored.read(1)
            stored.seek(-1, os.SEEK_CUR)
            stored.write(bytes([byte[0] ^ 1]))

    def test_a_whole_vault_comes_out_as_it_was(self):
        before = self.stored()
        done = self.salvage()
        self.assertIn("Everything was readable", done.stdout)
        self.assertEqual(contents(self.out), self.expected)
        self.assertEqual(stat.S_IMODE(self.out.stat().st_mode), 0o700)
        self.assertLess((self.out / "sparse").stat().st_blocks * 512, 1_000_000)
        self.assertEqual(self.stored(), before, "the vault was written to")

    def test_beside_a_mount(self):
        self.vault.mount()
        self.salvage()
        self.assertEqual(contents(self.out), self.expected)

    def test_one_copy_of_the_segments_headers_is_enough(self):
        for file in self.objects():
            self.damage(file, 20)
        self.salvage()
        self.assertEqual(contents(self.out), self.expected)

    def test_without_any_readable_commit_everything_is_there_and_the_exit_code_says_that_it_may_not_be_all(self):
        # Each boundary of 4 KiB at which a commit, or a seal, may begin. Data that is hit there is read by its address.
        for file in self.objects():
            size = file.stat().st_size
            for at in range(4096, size, 4096):
                self.damage(file, at + 20)
        done = self.salvage("--json", code=VAULT_DAMAGED)
        report = json.loads(done.stdout)
        self.assertFalse(report["complete"])
        self.assertFalse(report["tree_is_whole"])
        self.assertIn("not known which commit", " ".join(report["notes"]))
        self.assertEqual((self.out / "letter.txt").read_text(), "Dear reader")

    def test_damaged_content_is_named_with_its_place(self):
        (segment,) = [file for file in self.objects() if file.stat().st_size > 300_000]
        # In the middle of what was written first and is the largest by far.
        self.damage(segment, 150_000)
        done = self.salvage(code=VAULT_DAMAGED)
        self.assertRegex(done.stdout, r"photos/2024/sea.jpg: \d+ bytes at offset \d+ are missing, those of commit \d+")
        expected, found = self.expected["photos/2024/sea.jpg"][1], (self.out / "photos/2024/sea.jpg").read_bytes()
        self.assertEqual(len(found), len(expected))
        wrong = [i for i in range(len(found)) if found[i] != expected[i]]
        self.assertLessEqual(wrong[-1] - wrong[0], 4096)
        self.assertTrue(all(found[i] == 0 for i in wrong))

    def test_a_vault_without_readable_headers_has_nothing(self):
        for file in self.objects():
            self.damage(file, 20)
            self.damage(file, -50)
        done = self.salvage(code=FAILURE)
        self.assertIn("cannot be opened", done.stdout)
        self.assertIn("nothing in the vault", done.stderr)

    def test_names_of_what_is_lost_go_to_lost_and_found(self):
        sea = self.expected["photos/2024/sea.jpg"][1]
        for file in self.objects():
            content = bytearray(file.read_bytes())
            # The last nodes and the last commit, and the end of the content before them.
            for at in range(max(128, len(content) - 20_000), len(content) - 256):
                content[at] ^= 0x55
            file.chmod(0o600)
            file.write_bytes(content)
        done = self.salvage("--json", code=VAULT_DAMAGED)
        report = json.loads(done.stdout)
        self.assertEqual(report["lost_folder"], "lost+found")
        found = [path for path in (self.out / "lost+found").rglob("*") if path.is_file()]
        self.assertTrue(any(path.read_bytes()[:250_000] == sea[:250_000] for path in found), report)
        self.assertEqual(stat.S_IMODE((self.out / "lost+found").stat().st_mode), 0o700)

    # --- wrong inputs ---

    def test_a_folder_that_is_not_empty_is_refused_before_a_password_is_asked_for(self):
        self.out.mkdir()
        (self.out / "mine").write_text("mine")
        done = self.vault.run("salvage", self.vault.path, self.out, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, FAILURE)
        self.assertIn("is not empty", done.stderr)
        self.assertEqual(os.listdir(self.out), ["mine"])

    def test_an_empty_folder_is_taken_and_closed_to_others(self):
        self.out.mkdir(mode=0o755)
        self.salvage()
        self.assertEqual(stat.S_IMODE(self.out.stat().st_mode), 0o700)

    def test_folders_that_cannot_be_used(self):
        (self.folder / "file").write_text("x")
        (self.folder / "elsewhere").mkdir()
        (self.folder / "link").symlink_to(self.folder / "elsewhere")
        (self.folder / "hanging").symlink_to(self.folder / "nowhere")
        for out, code, words in ((self.folder / "file", FAILURE, "not a folder"),
                                 (self.folder / "link", FAILURE, "symbolic link"),
                                 (self.folder / "hanging", FAILURE, "symbolic link"),
                                 (self.folder / "no" / "such", FAILURE, "cannot be made"),
                                 (self.vault.path / "out", USAGE, "lies in the vault"),
                                 (self.vault.path, USAGE, "lies in the vault"),
                                 (self.vault.path / "objects" / ".." / "out", USAGE, "lies in the vault")):
            done = self.salvage(out=out, code=code)
            self.assertIn(words, done.stderr, out)
        self.assertEqual(os.listdir(self.folder / "elsewhere"), [])
        self.assertFalse((self.vault.path / "out").exists())
        self.assertFalse((self.folder / "nowhere").exists())

    def test_what_is_no_vault_and_a_wrong_password(self):
        self.vault.write_password("another one")
        self.salvage(code=WRONG_PASSWORD)
        self.assertFalse(self.out.exists())
        shutil.rmtree(self.vault.path)
        self.vault.path.mkdir()
        self.salvage(code=NOT_A_VAULT)
        self.assertFalse(self.out.exists())

    def test_a_history_that_is_not_there(self):
        self.assertIn("no id of a history", self.salvage("--history", "12345", code=USAGE).stderr)
        done = self.salvage("--history", "00000000", code=FAILURE)
        self.assertIn("no history of that id", done.stderr)

    def test_a_full_disk_is_said(self):
        if os.geteuid() != 0:
            self.skipTest("only root mounts a small disk")
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", disk], check=True)
        done = self.salvage(out=disk / "out", code=FAILURE)
        self.assertIn("cannot be written", done.stderr)
        self.assertIn("No space left", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "only root becomes somebody else")
    def test_only_root_keeps_owners_and_set_user_id(self):
        self.vault.mount()
        os.chown(self.root / "empty", NOBODY, NOBODY)
        (self.root / "empty").chmod(0o4755)
        self.vault.unmount()
        self.salvage()
        status = (self.out / "empty").stat()
        self.assertEqual((status.st_uid, stat.S_IMODE(status.st_mode)), (NOBODY, 0o4755))


if __name__ == "__main__":
    unittest.main()
