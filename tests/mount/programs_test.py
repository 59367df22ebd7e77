"""Real programs at work inside: git, sqlite, cp, and the demo itself, also as a normal user."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from mount_fixture import NOBODY, MountTest, demofs_program

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS / "lib"))
import compare_trees  # noqa: E402


class Programs(MountTest):
    def git(self, *arguments):
        environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.folder)}
        return subprocess.run(["git", "-c", "user.name=Test", "-c", "user.email=test@example.org",
                               "-c", "safe.directory=*", "-C", self.root / "repository", *arguments],
                              check=True, stdout=subprocess.PIPE, encoding="utf-8", env=environment).stdout

    def test_git(self):
        (self.root / "repository").mkdir()
        self.git("init", "--quiet")
        for number in range(200):
            folder = self.root / "repository" / f"folder{number % 7}"
            folder.mkdir(exist_ok=True)
            (folder / f"file{number}").write_bytes(b"line %d\n" % number * (number * 10))
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "first")
        shutil.rmtree(self.root / "repository" / "folder3")
        self.git("commit", "--quiet", "-a", "-m", "second")
        self.git("gc", "--quiet")
        self.vault.remount()
        self.assertEqual(self.git("status", "--porcelain"), "")
        self.git("fsck", "--strict", "--full")
        self.assertEqual(self.git("rev-list", "--count", "HEAD").strip(), "2")
        self.git("checkout", "--quiet", "HEAD~1")
        self.assertEqual((self.root / "repository/folder3/file3").read_bytes(), b"line 3\n" * 30)

    def test_sqlite_with_a_rollback_journal(self):
        self.sqlite("DELETE")

    def test_sqlite_with_a_write_ahead_log(self):
        self.sqlite("WAL")

    def sqlite(self, journal):
        database = sqlite3.connect(self.root / "test.db", isolation_level=None)
        self.assertEqual(database.execute(f"PRAGMA journal_mode={journal}").fetchone()[0].upper(), journal)
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT)")
        for number in range(200):
            database.execute("BEGIN")
            database.execute("INSERT INTO entry VALUES (?, ?)", (number, "x" * number))
            database.execute("COMMIT" if number % 5 else "ROLLBACK")
        database.close()
        self.vault.remount()
        database = sqlite3.connect(self.root / "test.db")
        self.assertEqual(database.execute("PRAGMA integrity_check").fetchone()[0], "ok")
        self.assertEqual(database.execute("SELECT count(*), sum(length(text)) FROM entry").fetchone(),
                         (160, sum(number for number in range(200) if number % 5)))
        database.close()

    def test_cp_a_keeps_everything(self):
        source = self.folder / "source"
        (source / "a" / "b").mkdir(parents=True)
        (source / "a" / "file").write_bytes(os.urandom(123_456))
        (source / "a" / "empty").touch()
        os.symlink("../a/file", source / "a" / "b" / "link")
        os.chmod(source / "a" / "file", 0o640)
        os.chmod(source / "a" / "b", 0o711)
        os.utime(source / "a" / "empty", ns=(1, 1_111_111_111_222_222_222))
        subprocess.run(["cp", "-a", source, self.root / "copy"], check=True)
        self.vault.remount()
        self.assertEqual(list(compare_trees.differences(source, self.root / "copy")), [])

    def test_two_vaults_can_be_mounted_at_the_same_time(self):
        other = self.make_vault("other")
        other.init()
        other.mount()
        (self.root / "file").write_bytes(b"one")
        (other.mount_point / "file").write_bytes(b"two")
        self.vault.remount()
        self.assertEqual((other.mount_point / "file").read_bytes(), b"two")
        other.remount()
        self.assertEqual((self.root / "file").read_bytes(), b"one")
        self.assertEqual((other.mount_point / "file").read_bytes(), b"two")


class Demo(unittest.TestCase):
    def expect_success(self, command, **options):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding="utf-8", **options)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("Everything came back identical", done.stdout)

    def test_the_small_demo_succeeds(self):
        folder = tempfile.mkdtemp(prefix="demo_", dir=os.environ.get("DEMOFS_TEST_DIR"))
        self.addCleanup(os.rmdir, folder)  # the demo leaves nothing
        self.expect_success(["python3", SCRIPTS / "lib" / "demo.py", "--small", "--demofs", demofs_program()],
                            env={**os.environ, "TMPDIR": folder})

    @unittest.skipUnless(os.geteuid() == 0, "the test above has just done this")
    def test_the_small_demo_succeeds_as_a_normal_user(self):
        folder = Path(tempfile.mkdtemp(prefix="demo_", dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        shutil.copy(demofs_program(), folder / "demofs")
        scripts = shutil.copytree(SCRIPTS / "lib", folder / "lib", ignore=shutil.ignore_patterns("__pycache__"))
        work = folder / "work"
        work.mkdir()
        os.chown(work, NOBODY, NOBODY)
        # A /dev/fuse that everybody may open, as Debian has it, in a mount namespace: mounts end with it.
        script = 'set -e; device=$1; shift; mknod -m 666 "$device" c 10 229; mount --bind "$device" /dev/fuse; ' \
                 'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", folder / "fuse",
                   "python3", scripts / "demo.py", "--small", "--demofs", folder / "demofs"]
        self.expect_success(command, cwd="/",
                            env={"PATH": os.environ["PATH"], "TMPDIR": str(work), "HOME": str(work)})
        self.assertEqual(os.listdir(work), [])


if __name__ == "__main__":
    unittest.main()
