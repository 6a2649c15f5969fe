#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""The operator's socket of a hub that is short of descriptors, and of an operator who is slow."""
import os
import pathlib
import resource
import socket
import time

import kit
from kit import client, wire

QUERY = wire.Envelope(schema=1, message_id=client.uuid7(), query=wire.Query(name="status")).SerializeToString(deterministic=True)
FRAME = len(QUERY).to_bytes(4, "big") + QUERY


class Operator(kit.Test):
    PARTNERS = ()

    def connect(self, wait_s=20):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(one.close)
        one.connect(str(self.house.house / "run/hub.sock"))
        one.settimeout(wait_s)
        return one

    def answer(self, one):
        head = one.recv(4, socket.MSG_WAITALL)
        self.assertEqual(len(head), 4, "the hub closed the connection")
        frame = one.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
        self.assertEqual(wire.Envelope.FromString(frame).answer.code, 0)

    def test_a_pause_between_two_queries_is_nothing(self):
        one = self.connect()
        one.sendall(FRAME)
        self.answer(one)
        one.settimeout(4)
        with self.assertRaises(TimeoutError):  # longer than a query may pause
            one.recv(1)
        one.settimeout(20)
        one.sendall(FRAME)
        self.answer(one)

    def test_a_query_that_pauses_ends_its_session(self):
        """What comes after the pause would be read as another frame: here its first bytes would be a length."""
        for part in (2, 4, 10):
            one = self.connect()
            one.sendall(FRAME[:part])
            self.assertEqual(one.recv(1), b"", part)
        one = self.connect()
        one.sendall(FRAME)
        self.answer(one)

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_without_descriptors_it_waits(self):
        limits = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            one = self.connect(wait_s=3)
            one.sendall(FRAME)
            before, start = self.cpu_s(), time.monotonic()
            with self.assertRaises(TimeoutError):
                one.recv(1)
            self.assertLess((self.cpu_s() - before) / (time.monotonic() - start), 0.4, "a busy loop")
        finally:
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, limits)
        one.settimeout(20)
        self.answer(one)  # he was not lost

    def tearDown(self):
        self.check_hub_is_well()


if __name__ == "__main__":
    kit.main()
