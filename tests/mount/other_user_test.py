"""What a user may not do is said as such."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import mount_fixture
from error_fixture import FAILURE, MOUNT_POINT, NO_FUSE, ErrorTest
from mount_fixture import NOBODY

# In a mount namespace, puts a /dev in place that has just the most necessary: sh -c SCRIPT sh FOLDER COMMAND…
BARE_DEV = """
set -e
folder=$1; shift
mkdir -p "$folder"
mount -t tmpfs none "$folder"
for name in null zero random urandom; do touch "$folder/$name"; mount --bind "/dev/$name" "$folder/$name"; done
MAKE_FUSE
mount --rbind "$folder" /dev
exec "$@"
"""


class OtherUser(ErrorTest):
    """As a user who may not do it: nobody if the tests run as root, else ourselves with the rights taken away."""

    def setUp(self):
        super().setUp()
        self.vault.init()
        self.user = []
        if os.geteuid() == 0:
            # The build folder may lie where nobody cannot go.
            public = Path(tempfile.mkdtemp(prefix="demofs_public_", dir="/tmp"))
            self.addCleanup(shutil.rmtree, public)
            # Runs before: the mount point will lie in there.
            self.addCleanup(lambda: self.assertEqual(self.vault.clean_up(), []))
            public.chmod(0o755)
            shutil.copy(self.vault.program, public / "demofs")
            shutil.move(self.vault.path, public / "vault")
            shutil.move(self.vault.password_file, public / "password")
            (public / "mnt").mkdir()
            (public / "demofs.log").touch()
            for path in public.rglob("*"):
                os.chown(path, NOBODY, NOBODY)
            os.chown(public / "demofs", 0, 0)
            self.vault.program = str(public / "demofs")
            self.vault.path, self.vault.password_file = public / "vault", public / "password"
            self.vault.mount_point, self.vault.log = public / "mnt", public / "demofs.log"
            self.user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def forbid(self, path):
        if self.user:
            os.chown(path, 0, 0)
        path.chmod(0o000)
        self.addCleanup(path.chmod, 0o700)

    def run_as_user(self, *arguments):
        return self.run_without_dev([*self.user, self.vault.program, *arguments], "mknod -m 666 {}/fuse c 10 229")

    def mount_as_user(self):
        return self.run_as_user(*self.vault.mount_arguments())

    def run_without_dev(self, command, make_fuse):
        """Runs a command where /dev is a bare one, in a mount namespace of its own."""
        if os.geteuid() != 0:
            # A user cannot make devices; their own /dev/fuse has been found usable by scripts/install_deps.
            namespace = ["unshare", "--mount", "--map-root-user"]
            if make_fuse:
                namespace, script = [], 'shift; exec "$@"'
        else:
            namespace = ["unshare", "--mount"]
        if namespace:
            if subprocess.run([*namespace, "true"], stderr=subprocess.DEVNULL).returncode != 0:
                self.skipTest("this machine does not let us make a mount namespace")
            script = BARE_DEV.replace("MAKE_FUSE", make_fuse.format('"$folder"') if make_fuse else ":")
        return subprocess.run([*namespace, "sh", "-c", script, "sh", self.folder / "dev", *map(str, command)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
                              encoding="utf-8", timeout=mount_fixture.WAIT_SECONDS)

    def test_a_vault_that_may_not_be_read(self):
        self.forbid(self.vault.path)
        self.expect_error(self.mount_as_user(), FAILURE, "(?i)permission|not permitted", self.vault.path)

    def test_a_password_file_that_may_not_be_read(self):
        self.forbid(self.vault.password_file)
        self.expect_error(self.mount_as_user(), FAILURE, "(?i)permission|not permitted", self.vault.password_file)

    def test_a_mount_point_that_may_not_be_written(self):
        self.vault.mount_point.chmod(0o555)
        if self.user:
            os.chown(self.vault.mount_point, 0, 0)
        self.expect_error(self.mount_as_user(), MOUNT_POINT, "(?i)permission|not permitted", self.vault.mount_point)

    def test_initialising_where_nothing_may_be_written(self):
        folder = Path(self.vault.path).parent / "readonly"
        folder.mkdir()
        folder.chmod(0o555)
        done = self.run_as_user("init", folder / "vault", *self.vault.password_arguments())
        self.expect_error(done, FAILURE, "(?i)permission|not permitted")

    def test_no_dev_fuse_is_said_by_the_parent_of_a_background_daemon(self):
        done = self.run_without_dev([self.vault.program, *self.vault.mount_arguments()], None)
        self.expect_error(done, NO_FUSE, "/dev/fuse")
        self.assertEqual(self.vault.find_daemons(), [])
        self.vault.mount()  # it is not locked any more


if __name__ == "__main__":
    unittest.main()
