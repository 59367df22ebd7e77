"""Where passwords come from, and what is wrong with them."""

import os
import pty
import shlex
import signal
import termios
import unittest

import mount_fixture
from error_fixture import FAILURE, USAGE, WRONG_PASSWORD, VAULT_IN_USE, ErrorTest
from mount_fixture import PASSWORD, MountTest


class PasswordInput(MountTest):
    mounted = False

    def test_from_standard_input(self):
        self.vault.run("init", self.vault.path, "--weak-key-derivation", input=PASSWORD + "\n")
        self.vault.run("info", self.vault.path, "--unlock", input=PASSWORD + "\n")
        self.vault.run("mount", self.vault.path, self.vault.mount_point, input=PASSWORD + "\n")
        self.vault.remember_daemon()
        self.assertTrue(self.vault.is_mounted())

    def test_from_a_prompt_that_does_not_echo(self):
        self.vault.init()
        code, shown = self.at_terminal(["info", "--unlock", self.vault.path], [PASSWORD])
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, "(?i)password")
        self.assertNotIn(PASSWORD, shown)

    def test_a_new_password_is_asked_for_twice(self):
        init = ["init", "--weak-key-derivation", self.vault.path]
        code, shown = self.at_terminal(init, [PASSWORD, "something else"])
        self.assertNotEqual(code, 0, shown)
        self.assertFalse((self.vault.path / "demofs.json").exists())
        code, shown = self.at_terminal(init, [PASSWORD, PASSWORD])
        self.assertEqual(code, 0, shown)
        self.vault.mount()

    def test_a_weak_new_password_gets_a_hint_before_it_is_repeated_and_is_taken(self):
        init = ["init", "--weak-key-derivation", self.vault.path]
        code, shown = self.at_terminal(init, ["sunshine1", "sunshine1"])
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, r"(?s)Password: .*is weak: .* about 10\^[0-9]+ guesses .*Password again: ")
        code, shown = self.at_terminal(["info", "--unlock", self.vault.path], ["sunshine1"])
        self.assertEqual(code, 0, shown)
        self.assertNotIn("weak:", shown)
        code, shown = self.at_terminal([*init[:-1], self.folder / "another"], ["correct horse battery staple"] * 2)
        self.assertEqual(code, 0, shown)
        self.assertNotIn("weak:", shown)

    def test_a_password_command_needs_no_line_end(self):
        self.vault.init()
        for command in (f"printf %s '{PASSWORD}'", f"printf '%s\\r\\nmore' '{PASSWORD}'"):
            self.vault.run("info", "--unlock", self.vault.path, "--password-command", command)


class PasswordErrors(ErrorTest):
    def test_a_wrong_password(self):
        self.vault.init()
        self.vault.write_password("wrong")
        self.expect_mount_error(WRONG_PASSWORD, "(?i)password")
        done = self.vault.run("info", self.vault.path, *self.vault.password_arguments(), check=False)
        self.expect_error(done, WRONG_PASSWORD, "(?i)password")
        self.vault.write_password(PASSWORD)
        self.vault.mount()

    def test_a_password_from_a_command(self):
        self.vault.init()
        command = f"cat {shlex.quote(str(self.vault.password_file))}"
        options = ["--password-command", command, "--log-file", self.vault.log]
        self.vault.run("mount", self.vault.path, self.root, *options)
        self.vault.remember_daemon()
        self.vault.unmount()
        done = self.vault.run("mount", self.vault.path, self.root, "--password-command", "exit 7", check=False)
        self.expect_error(done, FAILURE, "password command failed .exit code 7.")
        both = self.vault.run("info", self.vault.path, *self.vault.password_arguments(), "--password-command", command, check=False)
        self.expect_error(both, USAGE, "(?i)excludes")

    def test_nobody_is_asked_for_a_password_in_vain(self):
        # A password that cannot be read would be complained about first, if it were asked for.
        unreadable = ["--password-file", self.folder / "missing"]
        self.vault.path.mkdir()
        (self.vault.path / "letter.txt").write_text("mine")
        done = self.vault.run("init", self.vault.path, *unreadable, check=False)
        self.expect_error(done, FAILURE, "(?i)not empty", self.vault.path)
        done = self.vault.run("init", self.folder / "no" / "parent", *unreadable, check=False)
        self.expect_error(done, FAILURE, "(?i)no such file", self.folder / "no" / "parent")
        (self.vault.path / "letter.txt").unlink()
        self.vault.init()
        done = self.vault.run("init", self.vault.path, *unreadable, check=False)
        self.expect_error(done, FAILURE, "(?i)already", self.vault.path)
        self.vault.mount()
        other = self.make_vault("other", self.vault.path)
        done = self.vault.run("mount", other.path, other.mount_point, *unreadable, check=False)
        self.expect_error(done, VAULT_IN_USE, "(?i)mounted on", self.vault.mount_point)

    def test_a_missing_password_file(self):
        self.vault.init()
        self.vault.password_file.unlink()
        self.expect_mount_error(FAILURE, "(?i)no such|not exist|cannot", self.vault.password_file)

    def test_an_interrupt_at_the_password_prompt_brings_the_echo_back(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(self.vault.program, [self.vault.program, "init", str(self.vault.path)])
        try:
            said = b""
            while b"Password: " not in said:
                said += os.read(terminal, 1000)

            def echoes():
                return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

            mount_fixture.wait_until(lambda: not echoes(), "the echo is off")
            os.write(terminal, b"\x03")
            _, status = os.waitpid(pid, 0)
            pid = None
            self.assertTrue(echoes(), "the echo stayed off")
            self.assertTrue(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, status)
            self.assertFalse(self.vault.path.exists())
        finally:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(terminal)

    def test_an_empty_password(self):
        self.vault.password_file.write_text("\n")
        self.expect_error(self.vault.init(check=False), FAILURE, "(?i)password.*empty|empty.*password")
        self.assertFalse((self.vault.path / "demofs.json").exists())


if __name__ == "__main__":
    unittest.main()
