"""What opens a vault, and how that is changed: passwords, key files and recovery keys, beside a mount and across crashes."""

import json
import os
import re
import signal
import subprocess
import time
import unittest

from error_fixture import FAILURE, NOT_A_VAULT, USAGE, WRONG_PASSWORD, ErrorTest
from mount_fixture import PASSWORD, seeded_random

NEW = "a new password of the tests"
UNREADABLE = ["--password-file", "/nowhere/at/all"]  # is complained about first if anybody asks for a password


class KeyTest(ErrorTest):
    def setUp(self):
        super().setUp()
        self.vault.init()

    def key(self, action, *more, password=PASSWORD, new=None, **options):
        """`demofs key ACTION VAULT MORE...`; passwords come from files."""
        arguments = ["key", action, self.vault.path, *more]
        if password is not None:
            arguments += ["--password-file", self.vault.write_password(password, "present")]
        if new is not None:
            arguments += ["--new-password-file", self.vault.write_password(new, "new")]
        if action in ("add", "change"):
            arguments.append("--weak-key-derivation")
        return self.vault.run(*arguments, **options)

    def slots(self):
        return json.loads(self.vault.run("key", "list", self.vault.path, "--json").stdout)["key_slots"]

    def opens_with(self, password):
        arguments = ["info", self.vault.path, "--password-file", self.vault.write_password(password, "tried")]
        done = self.vault.run(*arguments, check=False)
        self.assertIn(done.returncode, (0, WRONG_PASSWORD), done.stderr)
        return done.returncode == 0

    def backup_opens_with(self, password):
        """As if demofs.json were lost."""
        first = self.vault.path / "demofs.json"
        first.rename(self.folder / "aside")
        try:
            return self.opens_with(password)
        finally:
            (self.folder / "aside").rename(first)

    def key_file(self, name="key", size=64):
        file = self.folder / name
        file.write_bytes(os.urandom(size))
        return file

    def add_recovery_key(self, *more):
        return self.words_in(self.key("add", "--recovery-key", *more).stdout)

    def words_in(self, output):
        [words] = re.findall(r"(?m)^Recovery key: ((?:[a-z]+ ){13}[a-z]+)$", output)
        return words


class Slots(KeyTest):
    def test_a_list_tells_what_opens_the_vault(self):
        self.key("add", "--name", "büro", new=NEW)
        self.add_recovery_key()
        self.key("add", "--new-key-file", self.key_file())
        slots = self.slots()
        self.assertEqual([slot["id"] for slot in slots], [0, 1, 2, 3])
        self.assertEqual([slot["type"] for slot in slots], ["password", "password", "recovery-key", "key-file"])
        self.assertEqual([slot["name"] for slot in slots], ["", "büro", "", ""])
        for slot in slots:
            self.assertRegex(slot["created"], r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC$")
            self.assertTrue(slot["known"])
        shown = self.vault.run("key", "list", self.vault.path).stdout
        self.assertRegex(shown, r"(?m)^1 +password +20\d\d-.* UTC +Argon2id, 1 pass over 8 KiB +büro$")
        self.assertRegex(shown, r"(?m)^2 +recovery key +")
        self.assertRegex(self.vault.run("info", self.vault.path).stdout, r'(?m)^key slot 1 +password "büro", Argon2id')

    def test_each_slot_opens_the_vault(self):
        self.key("add", new=NEW)
        self.assertTrue(self.opens_with(PASSWORD))
        self.assertTrue(self.opens_with(NEW))
        self.assertFalse(self.opens_with("another"))
        self.key("add", password=NEW, new="a third")
        self.assertTrue(self.opens_with("a third"))

    def test_there_are_at_most_eight(self):
        for number in range(7):
            self.key("add", new=f"password {number}")
        done = self.vault.run("key", "add", self.vault.path, *UNREADABLE, check=False)
        self.expect_error(done, FAILURE, "all 8 key slots are taken")

    def test_a_changed_password_opens_both_copies_and_the_old_one_neither(self):
        done = self.key("change", new=NEW)
        self.assertRegex(done.stdout, "Key slot 0 .password. has a new key")
        self.assertIn("copy of the old demofs.json", done.stdout)
        for opens in (self.opens_with, self.backup_opens_with):
            self.assertTrue(opens(NEW))
            self.assertFalse(opens(PASSWORD))
        self.assertEqual(sorted(os.listdir(self.vault.path)), ["demofs.json", "demofs.json.bak", "objects"])
        self.assertEqual((self.vault.path / "demofs.json").read_text(), (self.vault.path / "demofs.json.bak").read_text())
        self.assertEqual(len(self.slots()), 1)

    def test_passwd_is_the_same_and_reads_both_from_standard_input(self):
        self.vault.run("passwd", self.vault.path, "--weak-key-derivation", input=f"{PASSWORD}\n{NEW}\n")
        self.assertTrue(self.opens_with(NEW))
        self.assertFalse(self.opens_with(PASSWORD))

    def test_passwd_at_a_terminal_asks_for_the_old_one_and_twice_for_the_new_one(self):
        arguments = ["passwd", self.vault.path, "--weak-key-derivation"]
        code, shown = self.at_terminal(arguments, [PASSWORD, NEW, "something else"])
        self.assertEqual(code, FAILURE, shown)
        self.assertTrue(self.opens_with(PASSWORD))
        code, shown = self.at_terminal(arguments, [PASSWORD, NEW, NEW])
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, r"(?s)Present password: .*New password: .*New password again: ")
        self.assertTrue(self.opens_with(NEW))

    def test_a_change_keeps_the_name_or_gives_a_new_one(self):
        self.key("add", "--name", "laptop", new="second")
        self.key("change", password="second", new="third")
        self.assertEqual(self.slots()[1]["name"], "laptop")
        self.key("change", "--name", "desk", password="third", new="fourth")
        self.assertEqual(self.slots()[1]["name"], "desk")
        self.assertTrue(self.opens_with("fourth"))
        self.assertTrue(self.opens_with(PASSWORD))

    def test_a_forgotten_password_is_changed_by_the_id_of_its_slot(self):
        words = self.add_recovery_key()
        self.key("change", "0", password=words, new=NEW)
        self.assertTrue(self.opens_with(NEW))
        self.assertTrue(self.opens_with(words))
        self.assertFalse(self.opens_with(PASSWORD))

    def test_removing_needs_a_password_that_stays(self):
        self.key("add", "--name", "old laptop", new=NEW)
        done = self.key("remove", "1", password=NEW, check=False)
        self.expect_error(done, WRONG_PASSWORD, "without key slot 1, which was not removed")
        self.assertTrue(self.opens_with(NEW))
        done = self.key("remove", "1")
        self.assertIn('Key slot 1 (password "old laptop") was removed.', done.stdout)
        self.assertIn("copy of the old demofs.json", done.stdout)
        for opens in (self.opens_with, self.backup_opens_with):
            self.assertTrue(opens(PASSWORD))
            self.assertFalse(opens(NEW))

    def test_the_same_password_in_two_slots_removes_either(self):
        self.key("add", new=PASSWORD)
        self.key("remove", "0")
        self.assertTrue(self.opens_with(PASSWORD))

    def test_the_last_slot_stays(self):
        done = self.vault.run("key", "remove", self.vault.path, "0", *UNREADABLE, check=False)
        self.expect_error(done, FAILURE, "key slot 0 is the last one")
        self.assertTrue(self.opens_with(PASSWORD))

    def test_a_slot_of_an_unknown_kind_stays_until_it_is_removed(self):
        foreign = {"id": 5, "type": "tpm2", "handle": {"pcrs": [1, 7]}}
        for name in ("demofs.json", "demofs.json.bak"):
            text = json.loads((self.vault.path / name).read_text())
            text["key_slots"].insert(0, foreign)
            (self.vault.path / name).write_text(json.dumps(text))
        self.assertTrue(self.opens_with(PASSWORD))
        self.assertFalse(self.opens_with("wrong"))
        self.key("change", new=NEW)
        self.assertIn(foreign, json.loads((self.vault.path / "demofs.json").read_text())["key_slots"])
        self.assertIn({"id": 5, "type": "tpm2", "known": False}, self.slots())
        done = self.key("remove", "0", password=NEW, check=False)
        self.expect_error(done, FAILURE, "the last one that this program can open")
        self.key("remove", "5", password=NEW)
        self.assertEqual([slot["id"] for slot in self.slots()], [0])

    def test_the_cost_of_a_new_key_is_measured_within_bounds_that_are_told(self):
        done = self.vault.run("key", "add", self.vault.path, "--kdf-seconds", "0.1", *self.vault.password_arguments(),
                              "--new-password-file", self.vault.write_password(NEW, "new"))
        [(passes, memory)] = re.findall(r"opens the vault, too\. Argon2id, (\d+) passes over (\d+) MiB: about ", done.stdout)
        self.assertIn("(at least 3 passes over 64 MiB, at most 32 passes over 256 MiB)", done.stdout)
        self.assertIn(int(passes), range(3, 33))
        self.assertIn(int(memory), (64, 128, 256))
        slot = self.slots()[1]
        self.assertEqual((slot["passes"], slot["memory_bytes"]), (int(passes), int(memory) << 20))
        self.assertTrue(self.opens_with(NEW))


class KeyFiles(KeyTest):
    def test_a_vault_that_only_a_key_file_opens(self):
        other = self.make_vault("other")
        file = self.key_file()
        other.run("init", other.path, "--key-file", file, "--weak-key-derivation")
        other.run("info", other.path, "--key-file", file)
        file.write_bytes(file.read_bytes() + b"\n")
        self.expect_error(other.run("info", other.path, "--key-file", file, check=False), WRONG_PASSWORD, "wrong key file")

    def test_one_beside_a_password_mounts_also_from_fstab(self):
        file = self.key_file()
        self.key("add", "--new-key-file", file, "--name", "stick")
        self.vault.run("mount", self.vault.path, self.root, "-o", f"key-file={file}", "--log-file", self.vault.log)
        self.vault.remember_daemon()
        self.assertTrue(self.vault.is_mounted())
        self.vault.unmount()
        self.assertTrue(self.opens_with(PASSWORD))
        self.vault.run("key", "remove", self.vault.path, "0", "--key-file", file)
        self.assertFalse(self.opens_with(PASSWORD))

    def test_its_content_is_no_password(self):
        file = self.folder / "key"
        file.write_text("x" * 40)
        self.key("add", "--new-key-file", file)
        self.assertFalse(self.opens_with("x" * 40))

    def test_errors(self):
        short = self.key_file("short", 31)
        done = self.vault.run("info", self.vault.path, "--key-file", short, check=False)
        self.expect_error(done, FAILURE, "has only 31 bytes", short)
        done = self.vault.run("info", self.vault.path, "--key-file", self.folder / "missing", check=False)
        self.expect_error(done, FAILURE, "(?i)no such file", self.folder / "missing")
        both = self.vault.run("info", self.vault.path, "--key-file", short, *self.vault.password_arguments(), check=False)
        self.expect_error(both, USAGE, "(?i)excludes")


class RecoveryKeys(KeyTest):
    def test_a_new_vault_prints_one_that_opens_it(self):
        other = self.make_vault("other")
        done = other.run("init", other.path, "--recovery-key", "--weak-key-derivation", *other.password_arguments())
        words = self.words_in(done.stdout)
        other.run("info", "--unlock", other.path, input=words + "\n")
        other.run("info", other.path, *other.password_arguments())
        shown = other.run("key", "list", other.path).stdout
        self.assertRegex(shown, r"(?m)^1 +recovery key ")
        self.assertNotIn(" ".join(words.split()[:2]), shown)

    def test_mounting_with_it_at_the_prompt_in_any_form(self):
        words = self.add_recovery_key()
        typed = "-".join(words.upper().split())
        code, shown = self.at_terminal(["mount", self.vault.path, self.root, "--log-file", self.vault.log], [typed])
        self.vault.remember_daemon()
        self.assertEqual(code, 0, shown)
        self.assertNotIn(typed, shown)
        self.assertTrue(self.vault.is_mounted())

    def test_a_typing_error_is_told_by_its_place(self):
        words = self.add_recovery_key().split()
        wrong = " ".join([*words[:4], "appel", *words[5:]])
        done = self.vault.run("info", "--unlock", self.vault.path, input=wrong + "\n", check=False)
        self.expect_error(done, WRONG_PASSWORD, "its word 5 is none that recovery keys are made of")
        self.assertNotIn("appel", done.stderr)
        wrong = " ".join([*words[:4], "zoo" if words[4] != "zoo" else "abandon", *words[5:]])
        done = self.vault.run("info", "--unlock", self.vault.path, input=wrong + "\n", check=False)
        self.expect_error(done, WRONG_PASSWORD, "its word 5 is another than the one that was given out")
        done = self.vault.run("info", "--unlock", self.vault.path, input=" ".join(words[:13]) + "\n", check=False)
        self.expect_error(done, WRONG_PASSWORD, "it has 13 words, and a recovery key has 14")

    def test_it_is_not_lost_by_changing_a_password_with_it(self):
        words = self.add_recovery_key()
        done = self.key("change", password=words, new=NEW, check=False)
        self.expect_error(done, USAGE, "opens key slot 1, a recovery key")
        self.assertTrue(self.opens_with(words))
        self.assertFalse(self.opens_with(NEW))

    def test_it_is_replaced_by_another(self):
        words = self.add_recovery_key()
        others = self.words_in(self.key("change", "--recovery-key", password=words).stdout)
        self.assertNotEqual(others, words)
        self.assertTrue(self.opens_with(others))
        self.assertFalse(self.opens_with(words))
        self.assertFalse(self.backup_opens_with(words))
        self.assertEqual(len(self.slots()), 2)


class BesideOthers(KeyTest):
    def test_keys_are_changed_while_the_vault_is_mounted(self):
        self.vault.mount()
        (self.root / "before").write_text("before")
        self.key("add", "--name", "second", new="second")
        self.key("change", new=NEW)
        self.key("remove", "1", password=NEW)
        self.write_synced(self.root / "after", b"after")
        self.vault.unmount()
        self.vault.write_password(NEW)
        self.vault.mount()
        self.assertEqual((self.root / "before").read_text(), "before")
        self.assertEqual((self.root / "after").read_bytes(), b"after")

    def test_of_two_commands_the_one_that_writes_last_notices_the_other(self):
        go = self.folder / "go"
        os.mkfifo(go)
        arguments = ["key", "add", self.vault.path, "--weak-key-derivation", *self.vault.password_arguments(),
                     "--new-password-command", f"cat {go}"]
        slow = subprocess.Popen([self.vault.program, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, encoding="utf-8")
        with open(go, "w") as answer:  # returns when it asks
            self.key("change", new=NEW)
            answer.write("of the slow one\n")
        out, err = slow.communicate(timeout=60)
        self.assertEqual(slow.returncode, FAILURE, out + err)
        self.assertIn("another command has changed the key slots", err)
        self.assertTrue(self.opens_with(NEW))
        for password in (PASSWORD, "of the slow one"):
            self.assertFalse(self.opens_with(password))

    def test_many_at_once_leave_slots_that_open(self):
        commands = []
        for number in range(7):
            file = self.vault.write_password(f"password {number}", f"new {number}")
            arguments = ["key", "add", self.vault.path, "--weak-key-derivation", *self.vault.password_arguments(),
                         "--new-password-file", file]
            commands.append(subprocess.Popen([self.vault.program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"))
        added = []
        for number, command in enumerate(commands):
            said, _ = command.communicate(timeout=60)
            self.assertIn(command.returncode, (0, FAILURE), said)
            if command.returncode == 0:
                added.append(number)
            else:
                self.assertIn("another command has changed the key slots", said)
        self.assertTrue(added)
        self.assertEqual(len(self.slots()), 1 + len(added))
        for number in range(7):
            self.assertEqual(self.opens_with(f"password {number}"), number in added)
        self.assertTrue(self.opens_with(PASSWORD))

    def test_a_command_that_is_killed_leaves_the_old_or_the_new_password(self):
        random = seeded_random(self)
        present = PASSWORD
        for number in range(20):
            following = f"password {number}"
            arguments = ["key", "change", self.vault.path, "--weak-key-derivation", "--password-file",
                         self.vault.write_password(present, "present"), "--new-password-file",
                         self.vault.write_password(following, "new")]
            command = subprocess.Popen([self.vault.program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0, 0.02))  # the moment is what is tried, not what is waited for
            command.send_signal(signal.SIGKILL)
            code = command.wait(60)
            opened = [password for password in (present, following) if self.opens_with(password)]
            self.assertEqual(len(opened), 1, f"round {number}: {opened}")
            if code == 0:
                self.assertEqual(opened, [following], f"round {number}")
            present = opened[0]
        self.key("change", password=present, new=NEW)
        self.assertTrue(self.backup_opens_with(NEW))
        self.assertEqual(sorted(os.listdir(self.vault.path)), ["demofs.json", "demofs.json.bak", "objects"])


class KeyErrors(KeyTest):
    def refused(self, *arguments, code=USAGE, pattern, mentions=None):
        self.expect_error(self.vault.run("key", *arguments, check=False), code, pattern, mentions)

    def test_words_that_do_not_go_together(self):
        path = self.vault.path
        self.refused("remove", path, pattern="remove needs the id of a key slot")
        self.refused("add", path, "1", pattern="add takes no key slot")
        self.refused("list", path, "1", pattern="list takes no key slot")
        self.refused("list", path, "--name", "x", pattern="list takes no name")
        self.refused("list", path, "--password-file", "x", pattern="list needs no password")
        self.refused("list", path, "--recovery-key", pattern="list makes no new key")
        self.refused("remove", path, "0", "--new-key-file", "x", pattern="remove makes no new key")
        self.refused("add", path, "--json", pattern="add prints no JSON")
        self.refused("add", path, "--recovery-key", "--new-key-file", "x", pattern="(?i)excludes")
        self.refused("add", path, "--name", "two\nlines", pattern="without control characters")
        self.refused("add", path, "--name", "x" * 65, pattern="at most 64 bytes")
        self.refused("frobnicate", path, pattern="frobnicate")
        self.refused("remove", path, "first", pattern="first")
        self.refused("add", path, "--kdf-seconds", "0", pattern="kdf-seconds")

    def test_what_cannot_be_is_said_before_anybody_is_asked(self):
        self.refused("list", self.folder / "missing", code=NOT_A_VAULT, pattern="there is no vault at")
        self.refused("list", self.folder, code=NOT_A_VAULT, pattern="is not a vault")
        self.refused("remove", self.vault.path, "7", *UNREADABLE, code=FAILURE, pattern="there is no key slot 7")
        self.refused("change", self.vault.path, "7", *UNREADABLE, code=FAILURE, pattern="there is no key slot 7")

    def test_a_wrong_password_changes_nothing(self):
        before = (self.vault.path / "demofs.json").read_bytes()
        for arguments in (("add",), ("change",)):
            done = self.key(*arguments, password="wrong", new=NEW, check=False)
            self.expect_error(done, WRONG_PASSWORD, "wrong password")
        done = self.key("change", new="", check=False)
        self.expect_error(done, FAILURE, "is empty")
        self.assertEqual((self.vault.path / "demofs.json").read_bytes(), before)

    def test_a_copy_that_cannot_be_replaced_is_named(self):
        second = self.vault.path / "demofs.json.bak"
        second.unlink()
        second.mkdir()
        done = self.key("change", new=NEW, check=False)
        self.expect_error(done, FAILURE, "demofs.json is new already, but its second copy is not", second)
        self.assertTrue(self.opens_with(NEW))
        second.rmdir()
        self.key("change", password=NEW, new="third")
        self.assertTrue(self.backup_opens_with("third"))


if __name__ == "__main__":
    unittest.main()
