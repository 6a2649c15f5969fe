# SPDX-License-Identifier: EUPL-1.2
"""A whole house on loopback in a directory of its own: hub, adapters and receivers as real processes with real keys.

Used by the demo and by the end-to-end tests. Nothing here waits by sleeping: it waits for a named event in a log, for
a file, or for an answer of the hub, and gives up with what it saw. Processes are ended by the id they were started with.
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("KNOOPPUNT_BIN", ROOT / "build/bin"))
EXAMPLE = ROOT / "config/voorbeeldstad"
HOUSE_OIN = "00000099900100000000"
OINS = {"politie": "00000099900200000000", "om": "00000099900300000000",
        "reclassering": "00000099900400000000", "jeugdzorg": "00000099900500000000"}


class Failure(Exception):
    """What was expected did not happen; the text says what was seen."""


def free_port_range(count):
    """A run of ports that nobody listens on now, found by asking for them."""
    for first in range(20000 + os.getpid() % 300 * 100, 60000, count):
        held = []
        try:
            for port in range(first, first + count):
                probe = socket.socket()
                held.append(probe)
                probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for probe in held:
                probe.close()
    raise Failure("no free ports on loopback")


class Process:
    """One program; its stderr is kept and searched for named events."""

    def __init__(self, name, arguments, log_path, env=None):
        self.name = name
        self.log_path = pathlib.Path(log_path)
        self.lines = []
        self.changed = threading.Condition()
        self.log = open(self.log_path, "ab")
        self.child = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stderr:
            self.log.write(line)
            self.log.flush()
            with self.changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def wait_for(self, event, seconds=30, start=0, match=""):
        """The first line of the event at or after line @start; its index. Fails when the process ends first."""
        pattern = re.compile(r"^<\d>" + re.escape(event) + r"(\s|$).*" + match)
        end = time.monotonic() + seconds
        with self.changed:
            at = start
            while True:
                while at < len(self.lines):
                    if pattern.search(self.lines[at]):
                        return at
                    at += 1
                left = end - time.monotonic()
                if left <= 0 or (self.child.poll() is not None and not self.reader.is_alive()):
                    break
                self.changed.wait(min(left, 0.5))
        tail = "\n    ".join(self.lines[-12:])
        raise Failure(f"{self.name}: no {event} {match} within {seconds} s (exit {self.child.poll()}):\n    {tail}")

    def count(self, event):
        with self.changed:
            return sum(1 for line in self.lines if re.match(r"^<\d>" + re.escape(event) + r"(\s|$)", line))

    def kill(self, sig=signal.SIGKILL):
        if self.child.poll() is None:
            self.child.send_signal(sig)

    def end(self, seconds=30):
        """SIGTERM and wait; the exit status."""
        self.kill(signal.SIGTERM)
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Failure(f"{self.name}: did not end within {seconds} s of SIGTERM") from None
        self.reader.join(5)
        self.log.close()
        return status


def run(*arguments, expect=0, **options):
    """One command to its end; its standard output. Fails on another exit status than expected."""
    done = subprocess.run([str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=options.pop("timeout", 120), **options)
    if expect is not None and done.returncode != expect:
        raise Failure(f"{' '.join(str(a) for a in arguments)}: exit {done.returncode}\n{done.stderr}{done.stdout}")
    return done.stdout


class House:
    def __init__(self, directory, ports=32, bin_dir=None, settings=None):
        self.dir = pathlib.Path(directory)
        self.bin = pathlib.Path(bin_dir or BIN)
        self.house = self.dir / "house"
        self.processes = []
        self.hub = None
        self.env = {}
        self.first_port = free_port_range(ports)
        self.cli("house", "init", self.house, "--example", "--demo-ca", "--from", EXAMPLE, hub=False)
        # The sparse maps are far smaller than a house's: ThreadSanitizer leaves a program little address space.
        self.set_options({"port_first": self.first_port, "port_last": self.first_port + ports - 1,
                          "journal_map": "64GiB", "store_map": "64GiB", **(settings or {})})

    def set_options(self, options):
        path = self.house / "house.yaml"
        text = path.read_text()
        for name, value in options.items():
            text, count = re.subn(rf"(?m)^(\s+{name}:).*$", rf"\1 {value}", text)
            if count == 0:
                text = re.sub(r"(?m)^hub:\n", f"hub:\n  {name}: {value}\n", text)
        path.write_text(text)

    def set_partner(self, name, options):
        """Options of one partner, instead of what the example says."""
        path = self.house / "house.yaml"
        head, begin, rest = path.read_text().partition(f"  - id: {name}\n")
        end = re.search(r"(?m)^(  - |\S)", rest).start()
        block = "".join(line for line in rest[:end].splitlines(keepends=True) if line.strip().split(":")[0] not in options)
        block += "".join(f"    {option}: {value}\n" for option, value in options.items())
        path.write_text(head + begin + block + rest[end:])

    # --- programs ---
    def cli(self, *arguments, hub=True, expect=0, timeout=120):
        extra = ["--socket", self.house / "run/hub.sock"] if hub else []
        return run(self.bin / "knooppunt", *arguments, *extra, expect=expect, timeout=timeout)

    def ask(self, *arguments, expect=0):
        return json.loads(self.cli(*arguments, "--json", expect=expect))

    def start_hub(self, env=None, wait=True):
        self.hub = Process("hub", [self.bin / "knooppunt-hub", self.house], self.dir / "hub.log",
                           env={**self.env, **(env or {})})
        self.processes.append(self.hub)
        if wait:
            self.hub.wait_for("hub.ready")
        return self.hub

    def counterpart_dir(self, name):
        return self.dir / "counterparts" / name

    def enrol(self, name, user=False, algorithm="ed25519"):
        """The counterpart makes its keys, the demo CA signs, the operator enrols: the bundle's path."""
        home = self.counterpart_dir(name)
        home.mkdir(parents=True, exist_ok=True)
        who = ["--serial", name] if user else ["--oin", OINS[name]]
        self.cli("keygen", home / "keys", *who, "--name", name, "--algorithm", algorithm, hub=False)
        csr = home / "keys/signing.csr"
        cert = home / "keys/signing.pem"
        self.cli("demo-ca", "sign", self.house, csr, "--out", cert, hub=False)
        request = home / "request.kpr"
        self.cli("request", home / "keys", "--house-oin", HOUSE_OIN, "--as", name, "--kind", "user" if user else "partner",
                 "--cert", cert, "--out", request, hub=False)
        self.cli("user" if user else "partner", "enrol", request, "--out", home / "bundle")
        return home

    def start_adapter(self, name, kind=None, options=None):
        home = self.counterpart_dir(name)
        lines = [f"{k}: {v}" for k, v in {
            "settle": "100ms", "poll": "200ms", "retry_first": "200ms", "retry_max": "2s", **(options or {})}.items()]
        (home / "adapter.yaml").write_text("\n".join(lines) + "\n")
        for folder in ("drop", "done", "inbox", "waiting"):
            (home / folder).mkdir(exist_ok=True)
        process = Process(name, [self.bin / "knooppunt-adapter", kind or name, "--home", home], self.dir / f"{name}.log",
                          env=self.env)
        self.processes.append(process)
        return process

    def drop(self, name, path):
        """As a partner's system does: under another name first, then renamed into place."""
        drop = self.counterpart_dir(name) / "drop"
        hidden = drop / f".{path.name}"
        hidden.write_bytes(path.read_bytes())
        hidden.rename(drop / path.name)

    def wait_until(self, what, test, seconds=60):
        """Poll a condition about files or the hub's own answer."""
        end = time.monotonic() + seconds
        while not test():
            if time.monotonic() > end:
                raise Failure(f"not within {seconds} s: {what}")
            time.sleep(0.02)

    def stop(self):
        for process in reversed(self.processes):
            if process.child.poll() is None:
                process.end()
        self.processes.clear()
