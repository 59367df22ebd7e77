"""The pool example, with its own backend and with backends that check what the pool does."""

import re
import socket
import threading
import unittest

from program import WAIT_SECONDS, ExampleTest, wait_until


class Backend:
    """Answers lines by self.answer(number of the connection, line): a line."""

    def __init__(self, test, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.clients, self.threads = [], []
        self.open = self.most_open = 0
        self.lines = []
        test.addCleanup(self.close)
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.settimeout(WAIT_SECONDS)
            with self.lock:
                number = len(self.clients)
                self.clients.append(client)
                self.open += 1
                self.most_open = max(self.open, self.most_open)
                thread = threading.Thread(target=self._serve, args=(number, client), daemon=True)
                self.threads.append(thread)
            thread.start()

    def _serve(self, number, client):
        try:
            with client, client.makefile("rw", newline="\n") as stream:
                for line in stream:
                    with self.lock:
                        self.lines.append(line.rstrip("\n"))
                    stream.write(self.answer(number, line.rstrip("\n")) + "\n")
                    stream.flush()
        except OSError:
            pass  # the client has gone
        with self.lock:
            self.open -= 1

    def count(self, what):
        with self.lock:
            return self.lines.count(what)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.acceptor.join(WAIT_SECONDS)
        for client in self.clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(WAIT_SECONDS)


class ConnectionPool(ExampleTest):
    def test_answers_every_question_over_connections_that_break(self):
        program = self.start("--connections", 4, "--workers", 20, "--questions", 10)
        self.assert_ends(program, 0)
        out, err = program.texts()
        # Every 25th line breaks a connection and is asked again: 8 in 208.
        self.assertRegex(out, r"200 questions answered, 0 workers gave up, 0 turned away; (\d+) connections opened")
        opened, replaced = map(int, re.search(r"(\d+) connections opened, (\d+) replaced", out).groups())
        self.assertEqual(opened - replaced, 4)
        self.assertLessEqual(replaced, 8)
        self.assertRegex(out, r"closing 4 connections\nclosed$")
        self.assertEqual(err, "")

    def test_reports_every_connection_that_cannot_be_closed(self):
        program = self.start("--connections", 4, "--workers", 8, "--questions", 2, "--rude")
        self.assert_ends(program, 1)
        out, err = program.texts()
        self.assertIn("closing 4 connections", out)
        self.assertEqual(err.count("End of file"), 4, err)
        self.assertTrue(out.endswith("closed"))

    def test_closes_all_connections_at_the_same_time(self):
        together = threading.Barrier(5)  # nobody gets an answer to QUIT before all five have said it

        def answer(number, line):
            if line != "QUIT":
                return line
            together.wait(WAIT_SECONDS)
            return f"SORRY {number}" if number % 2 else "BYE"
        backend = Backend(self, answer)
        program = self.start("--port", backend.port, "--connections", 5, "--workers", 30, "--questions", 3,
                             "--timeout-ms", WAIT_SECONDS * 1000)
        self.assert_ends(program, 1)
        out, err = program.texts()
        self.assertIn("90 questions answered", out)
        self.assertEqual(backend.most_open, 5)
        self.assertEqual(backend.count("QUIT"), 5)
        for number in range(5):
            self.assertEqual(f'answered QUIT with "SORRY {number}"' in err, number % 2 == 1, err)

    def test_gives_up_on_a_goodbye_that_never_comes(self):
        never = threading.Event()

        def answer(_, line):
            if line == "QUIT":
                never.wait(WAIT_SECONDS)
            return line
        backend = Backend(self, answer)
        self.addCleanup(never.set)  # before the backend is closed
        program = self.start("--port", backend.port, "--connections", 3, "--workers", 3, "--questions", 1,
                             "--timeout-ms", 500)
        self.assert_ends(program, 1)
        self.assertEqual(program.texts()[1].count("did not answer in time"), 3)

    def test_a_signal_turns_waiters_away_and_lets_questions_in_progress_finish(self):
        go_on = threading.Event()

        def answer(_, line):
            if line == "QUIT":
                return "BYE"
            go_on.wait(WAIT_SECONDS)
            return line
        backend = Backend(self, answer)
        self.addCleanup(go_on.set)  # before the backend is closed
        program = self.start("--port", backend.port, "--connections", 3, "--workers", 10, "--questions", 5,
                             "--timeout-ms", WAIT_SECONDS * 1000)
        wait_until(lambda: len(backend.lines) == 3, "three questions are in progress")
        program.terminate()
        program.wait_for("told to stop")
        go_on.set()
        self.assert_ends(program, 0)
        out, _ = program.texts()
        self.assertIn("3 questions answered, 0 workers gave up, 10 turned away", out)
        self.assertEqual(backend.count("QUIT"), 3)

    def test_says_when_there_is_no_backend(self):
        with socket.create_server(("127.0.0.1", 0)) as closed_soon:
            port = closed_soon.getsockname()[1]
        program = self.start("--port", port, "--workers", 2)
        self.assert_ends(program, 0)
        out, err = program.texts()
        self.assertIn("2 workers gave up", out)
        self.assertEqual(err.count("Connection refused"), 2)


if __name__ == "__main__":
    unittest.main()
