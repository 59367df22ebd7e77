"""The server example under real clients and a real SIGTERM."""

import socket
import unittest

from program import WAIT_SECONDS, ExampleTest, wait_until

LARGE = 12 << 20  # far more than the socket buffers of both sides hold


class TcpServer(ExampleTest):
    def start_server(self, *arguments):
        server = self.start(*arguments)
        server.port = int(server.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1])
        return server

    def connect(self, server, receive_buffer=None):
        client = socket.socket()
        self.addCleanup(client.close)
        client.settimeout(WAIT_SECONDS)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(("127.0.0.1", server.port))
        return client

    def ask(self, client, request, reply):
        client.sendall(request)
        self.assert_receives(client, reply)

    def assert_receives(self, client, reply):
        received = b""
        while len(received) < len(reply):
            part = client.recv(len(reply) - len(received))
            self.assertTrue(part, f"the connection was closed after {len(received)} of {len(reply)} bytes")
            received += part
        self.assertEqual(received, reply)

    def assert_closed(self, client):
        self.assertEqual(client.recv(1), b"")

    def stop(self, server):
        """Sends SIGTERM and waits until new clients are refused."""
        server.terminate()
        server.wait_for("draining")

        def refused():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", server.port)) != 0
        wait_until(refused, "the server refuses connections")

    def test_finishes_every_request_in_progress_and_saves_it(self):
        server = self.start_server("--file", self.folder / "table", "--drain-ms", WAIT_SECONDS * 1000)
        idle = self.connect(server)
        self.ask(idle, b"PUT a 3\nabc", b"OK\n")
        writers = [self.connect(server) for _ in range(5)]
        for number, writer in enumerate(writers):
            self.ask(writer, b"GET a\n", b"VALUE 3\nabc")
            writer.sendall(b"PUT key%d 10\nhello" % number)  # the second half is missing
        pipeliner = self.connect(server)
        self.ask(pipeliner, b"GET a\nPUT b 1\nxGET b\nGET", b"VALUE 3\nabcOK\nVALUE 1\nx")

        reader = self.connect(server, receive_buffer=4096)
        value = bytes(range(256)) * (LARGE // 256)
        self.ask(reader, b"PUT large %d\n" % LARGE + value, b"OK\n")
        reader.sendall(b"GET large\n")  # the answer does not fit into the buffers, so the server is in the middle of it
        self.assert_receives(reader, b"VALUE %d\n" % LARGE)
        # The halves above have arrived: the server reads them before what comes later on any connection.
        self.ask(idle, b"GET a\n", b"VALUE 3\nabc")

        self.stop(server)
        self.assert_closed(idle)
        for writer in writers:
            writer.sendall(b"world")
            self.assert_receives(writer, b"OK\n")
            self.assert_closed(writer)
        self.ask(pipeliner, b" b\n", b"VALUE 1\nx")
        self.assert_closed(pipeliner)
        self.assertIsNone(server.process.poll())  # it still waits for the reader
        self.assert_receives(reader, value)
        self.assert_closed(reader)

        self.assert_ends(server, 0)
        out, _ = server.texts()
        self.assertRegex(out, r"teardown of 9 nodes in .*: 9 dropped")
        self.assertEqual(out.count("connection "), 8)
        saved = (self.folder / "table").read_bytes()
        for number in range(5):
            self.assertIn(b"key%d 10\nhelloworld\n" % number, saved)

    def test_cuts_off_who_is_stuck_when_the_deadline_is_over(self):
        server = self.start_server("--file", self.folder / "table", "--drain-ms", 300)
        stuck = [self.connect(server) for _ in range(70)]  # more than a teardown graph runs at once by default
        for client in stuck:
            self.ask(client, b"GET a\nPUT a 10\n", b"NONE\n")
            client.sendall(b"hello")
        deaf = self.connect(server, receive_buffer=4096)
        self.ask(deaf, b"PUT large %d\n" % LARGE + bytes(LARGE), b"OK\n")
        deaf.sendall(b"GET large\n")
        self.assert_receives(deaf, b"VALUE %d\n" % LARGE)  # and reads no more
        self.ask(self.connect(server), b"PUT b 1\nx", b"OK\n")

        server.terminate()
        for client in stuck:
            self.assert_closed(client)  # no reply: the request was not done
        self.assert_ends(server, 1)
        out, err = server.texts()
        self.assertRegex(out, r"teardown of 73 nodes in .*: 2 dropped, 71 failed")
        self.assertEqual(out.count("cut off in the middle of a request"), 71)
        self.assertIn("the teardown was not clean", err)
        saved = (self.folder / "table").read_bytes()
        self.assertIn(b"b 1\nx\n", saved)
        self.assertNotIn(b"a 10\n", saved)

    def test_serves_again_what_it_has_saved(self):
        for value in (b"first", b"second"):
            server = self.start_server("--file", self.folder / "table")
            client = self.connect(server)
            if value == b"second":
                self.ask(client, b"GET k\n", b"VALUE 5\nfirst")
            self.ask(client, b"PUT k %d\n" % len(value) + value, b"OK\n")
            client.close()
            self.stop(server)
            self.assert_ends(server, 0)

    def test_reports_a_table_that_cannot_be_saved(self):
        server = self.start_server("--file", self.folder / "missing" / "table")
        self.ask(self.connect(server), b"PUT k 1\nx", b"OK\n")
        server.terminate()
        self.assert_ends(server, 1)
        self.assertRegex(server.texts()[0], r"table: failed .*could not be written")

    def test_drops_clients_that_come_and_go(self):
        server = self.start_server()
        for number in range(50):
            client = self.connect(server)
            self.ask(client, b"PUT k%d 2\nab" % number, b"OK\n")
            client.close()
        nonsense = self.connect(server)
        self.ask(nonsense, b"HELLO\n", b"ERROR send PUT <key> <length>, or GET <key>\n")
        self.assert_closed(nonsense)
        half = self.connect(server)
        half.sendall(b"PUT k 10\nhel")
        half.close()
        server.wait_for("End of file", server.err)
        server.terminate()
        self.assert_ends(server, 0)
        self.assertIn("teardown of 1 node in", server.texts()[0])

    def test_a_second_signal_ends_it_at_once(self):
        server = self.start_server("--drain-ms", WAIT_SECONDS * 1000)
        client = self.connect(server)
        self.ask(client, b"GET a\nPUT a 10\n", b"NONE\n")
        self.stop(server)
        server.terminate()
        self.assertEqual(server.exit_code(), -15)


if __name__ == "__main__":
    unittest.main()
