# SPDX-License-Identifier: EUPL-1.2
"""What the tests of `knooppunt` share: the program run to its end, a folder of its own, and a hub that answers what the test tells it
to.
"""
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import client  # noqa: E402
from client import wire  # noqa: E402

KNOOPPUNT = pathlib.Path(os.environ.get("KNOOPPUNT_BIN", ROOT / "build/bin")) / "knooppunt"
TEMPLATE = ROOT / "config/voorbeeldstad"
HOUSE_OIN = "00000099900100000000"
POLITIE_OIN = "00000099900200000000"
DONE, NO, USAGE, LATER, BROKEN = range(5)


def run(*arguments, expect=DONE, give=None):
    """The command's answer: (stdout, stderr)."""
    done = subprocess.run([str(KNOOPPUNT), *map(str, arguments)], input=give, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=120)
    text = done.stdout.decode(), done.stderr.decode()
    if done.returncode != expect:
        raise AssertionError("knooppunt %s: exit %d, not %d\n%s%s" % (
            " ".join(map(str, arguments)), done.returncode, expect, *text))
    return text


def end_of_pipe(*arguments, ignored=False):
    """How a command ends whose reader has left: (code, what it said of it)."""
    reader, writer = os.pipe()
    os.close(reader)
    before = lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN) if ignored else None
    with os.fdopen(writer, "wb") as out:
        done = subprocess.run([str(KNOOPPUNT), *map(str, arguments)], stdout=out, stderr=subprocess.PIPE, check=False,
                              timeout=120, preexec_fn=before)
    return done.returncode, done.stderr


def answer_of(*arguments, expect=DONE):
    return json.loads(run(*arguments, "--json", expect=expect)[0])


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kp-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.house = self.folder / "house"

    def init(self, *options, **how):
        return run("house", "init", self.house, "--from", TEMPLATE, *options, **how)

    def keygen(self, name, *options):
        run("keygen", self.folder / name, "--name", name, *options)
        return client.Keys(self.folder / name)

    def certify(self, keys, *options):
        run("demo-ca", "sign", self.house, keys.certificate_request, "--out", keys.certificate, *options)


class Hub(Folder):
    """A hub that answers each connection as told, and keeps what it was asked."""

    def setUp(self):
        super().setUp()
        self.path = self.folder / "hub.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.asked = []
        self.script = lambda envelope: [wire.Answer()]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        self.addCleanup(self.stop)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.converse(connection)

    def converse(self, connection):
        stream = connection.makefile("rb")
        head = stream.read(4)
        if len(head) < 4:
            return
        envelope = wire.Envelope.FromString(stream.read(struct.unpack(">I", head)[0]))
        self.asked.append(envelope)
        try:
            for reply in self.script(envelope):
                connection.sendall(reply if isinstance(reply, bytes) else self.frame(envelope, reply))
        except BrokenPipeError:
            pass  # it did not want to hear more

    @staticmethod
    def frame(envelope, reply):
        if isinstance(reply, wire.Answer) and not reply.HasField("query_message_id"):
            content, reply = reply, wire.Answer(query_message_id=envelope.message_id)
            reply.MergeFrom(content)
        body = {"answer": reply} if isinstance(reply, wire.Answer) else {"refusal": reply}
        encoded = wire.Envelope(schema=1, message_id=client.uuid7(), **body).SerializeToString()
        return struct.pack(">I", len(encoded)) + encoded

    def ask(self, *arguments, **how):
        return run(*arguments, "--socket", self.path, **how)

    def answers(self, *answers):
        self.script = lambda envelope: list(answers)

    def query(self):
        return self.asked[-1].query


def value(name, content):
    kind = {bool: "truth", int: "number", bytes: "binary", str: "text"}[type(content)]
    return wire.Value(name=name, **{kind: content})


def section(name, *rows):
    return wire.Section(name=name, rows=[wire.Row(values=[value(key, content) for key, content in row.items()])
                                         for row in rows])
