"""What goes wrong for users must be said in a sentence, with a non-zero exit code and nothing left behind."""

from mount_fixture import MountTest

# The exit codes that scripts may rely on.
FAILURE, USAGE = 1, 2
WRONG_PASSWORD, NOT_A_VAULT, VAULT_IN_USE, VAULT_DAMAGED = 10, 11, 12, 14
MOUNT_POINT, NO_FUSE, NOT_MOUNTED = 20, 21, 23


class ErrorTest(MountTest):
    mounted = False

    def expect_error(self, done, code, pattern, mentions=None):
        """The published exit code, and one readable sentence on stderr."""
        output = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, output)
        self.assertRegex(done.stderr, pattern)
        if mentions:
            self.assertIn(str(mentions), done.stderr)
        self.assertLessEqual(len(done.stderr.strip().splitlines()), 3, f"one sentence would do: {done.stderr}")
        self.assertNotRegex(output, r"terminate called|std::|boost::|what\(\)|Sanitizer")

    def expect_mount_error(self, code, pattern, mentions=None):
        """As above, and nothing is mounted or left running."""
        self.expect_error(self.vault.mount(check=False), code, pattern, mentions)
        self.assertFalse(self.vault.is_mounted(), "something was mounted")
        self.assertEqual(self.vault.find_daemons(), [], "a daemon was left")
