# SPDX-License-Identifier: EUPL-1.2
"""What the end-to-end tests share: a house of real processes (house.py) with counterparts that are the client in Python
(client.py), so that nothing of ours but proto/ stands on the other side. Each waits for an answer or a named event.
"""
import contextlib
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import client  # noqa: E402
import house  # noqa: E402
from client import event, identity, known, signal, wire  # noqa: E402, F401

OK, LIMIT, LATER, NOT_FOUND, USAGE, QUOTA = 0, 1, 2, 4, 6, 19
(FRAME_SIZE, DEPTH, FIELD_COUNT, MALFORMED, NOT_CANONICAL, UTF8, SCHEMA, SESSION, UNEXPECTED, MISSING, VALUE,
 LENGTH) = range(20, 32)
(KEY_UNKNOWN, KEY_REVOKED, CERT_UNTRUSTED, CERT_EXPIRED, CERT_REVOKED, CERT_MISMATCH, SIGNATURE, ALGORITHM, HOUSE, SENDER,
 NOT_ENTITLED, CRL) = range(40, 52)
REFERENCE, VERSION, KIND, DATE, BSN, PERSON, THEME, AREA, CONFLICT, ROLE, TOO_MANY_PERSONS = range(60, 71)


def bsn(number):
    """The @number-th BSN of the 9-series that passes the 11-test: of nobody."""
    for eight in range(90000000 + number * 11, 90000000 + number * 11 + 11):
        digits = str(eight)
        last = sum(int(digits[i]) * (9 - i) for i in range(8)) % 11
        if last < 10:
            return digits + str(last)
    raise AssertionError("every run of eleven has one")


def report(reference, number=None, version=1, kind=signal.SIGNAL_KIND_PROCES_VERBAAL, **fields):
    """A usable signal about the @number-th invented person."""
    made = signal.Signal(reference=reference, version=version, action=signal.SIGNAL_ACTION_REPORT, kind=kind,
                         incident_date=signal.Date(year=2026, month=3, day=14), area_code="GM0999", **fields)
    if number is not None:
        made.persons.add(role=signal.CASUS_ROLE_PLEGER, bsn=bsn(number), given_names="Test", surname=f"Verzonnen{number}",
                         birth_date=signal.Date(year=1980, month=2, day=3))
    return made


def withdrawal(reference, version):
    return signal.Signal(reference=reference, version=version, action=signal.SIGNAL_ACTION_WITHDRAW)


class Test(unittest.TestCase):
    """A house for all tests of a class, thrown away after them; its logs are shown when one fails."""

    PARTNERS = ("politie", "om", "reclassering")
    USERS = ()
    SETTINGS = None
    PARTNER_SETTINGS = {}
    HUB_ENV = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="knooppunt-e2e-", dir=os.environ.get("TMPDIR"))
        cls.addClassCleanup(folder.cleanup)
        cls.house = house.House(folder.name, settings=cls.SETTINGS)
        cls.addClassCleanup(cls.house.stop)
        for name, options in cls.PARTNER_SETTINGS.items():
            cls.house.set_partner(name, options)
        cls.anchors = cls.house.house / "trust/anchors.pem"
        cls.hub = cls.house.start_hub(env=cls.HUB_ENV)
        cls.pid = cls.hub.child.pid
        cls.known = {name: cls.enrol(name) for name in cls.PARTNERS}
        cls.known.update({name: cls.enrol(name, user=True) for name in cls.USERS})

    @classmethod
    def make_keys(cls, name, folder=None, algorithm="ed25519", serial=None, days=None, sign=True):
        """Keys of a counterpart's own making, with a certificate by the demo CA."""
        keys = client.Keys(folder or cls.house.counterpart_dir(name))
        keys.make(name, serial or house.OINS.get(name, name), algorithm)
        if sign:
            more = [] if days is None else ["--days", days]
            cls.house.cli("demo-ca", "sign", cls.house.house, keys.certificate_request, "--out", keys.certificate, *more,
                          hub=False)
        return keys

    @classmethod
    def ask_enrol(cls, name, request, user=False, expect=0):
        """The operator enrols a request: the bundle's bytes, or the answer when that is expected to fail."""
        folder = tempfile.mkdtemp(dir=cls.house.dir)
        path, out = pathlib.Path(folder, "request"), pathlib.Path(folder, "bundle")
        path.write_bytes(request)
        answer = cls.house.ask("user" if user else "partner", "enrol", path, "--out", out, expect=expect)
        return out.read_bytes() if expect == 0 else answer

    @classmethod
    def enrol(cls, name, user=False, keys=None, algorithm="ed25519"):
        keys = keys or cls.make_keys(name, algorithm=algorithm)
        kind = identity.COUNTERPART_KIND_USER if user else identity.COUNTERPART_KIND_PARTNER
        bundle = cls.ask_enrol(name, keys.enrol_request(name, house.HOUSE_OIN, kind), user=user)
        return keys, client.open_bundle(bundle, cls.anchors, name)

    @contextlib.contextmanager
    def session(self, name, **options):
        """An open session of a counterpart."""
        with client.Client(*self.known[name], **options) as one:
            one.wait_welcome()
            yield one

    def submit(self, one, *signals):
        """The receipt's body of one batch."""
        return one.wait_receipt(one.submit(signals))[0]

    def outcomes(self, one, count=1):
        """The lines of the next @count Outcomes of this session; everything that comes is acknowledged."""
        found = []
        name = one.bundle.counterpart
        while count > 0:
            one.credit(name, 1)
            box, seq, content = one.wait_event()
            one.ack(box, seq)
            if content.WhichOneof("body") == "outcomes":
                found += list(content.outcomes.outcomes)
                count -= 1
        return found

    def drain(self, name):
        """Take and acknowledge everything in a mailbox: the events, in order."""
        found = []
        with self.session(name) as one:
            self.wait_applied()
            one.say_hello()
            state = one.wait_welcome().mailboxes[0]
            one.credit(name, state.last_seq - state.acked_seq)
            for _ in range(state.last_seq - state.acked_seq):
                found.append(one.wait_event()[2])
            if found:
                one.ack(name, state.last_seq)
                one.wait_acked(name, state.last_seq)
        return found

    def refusal(self, one, wait_s=30):
        """The Refusal that comes next, whatever message it names."""
        try:
            with contextlib.suppress(client.NoAnswer):
                until = client.time.monotonic() + wait_s
                while True:
                    one.step(until)
                    if one.answers:
                        answer = one.answers.popitem()[1]
                        self.assertIsInstance(answer, client.Refused, "a receipt came instead of a refusal")
                        return answer.refusal
        except client.Refused as refused:
            return refused.refusal
        raise self.failureException("no refusal came")

    def metrics(self):
        return {row["name"].removeprefix("knooppunt_"): row["value"] for row in self.house.ask("metrics")["metrics"]}

    def status(self):
        return self.house.ask("status")

    def journal(self):
        return self.status()["hub"][0]["journal_last"]

    def wait_applied(self, seconds=60):
        def quiet():
            row = self.status()["hub"][0]
            return row["backlog"] == 0
        self.house.wait_until("everything applied", quiet, seconds=seconds)

    def check_hub_is_well(self):
        self.assertIsNone(self.hub.child.poll(), "the hub ended")
        self.assertEqual(self.hub.child.pid, self.pid)


def main():
    unittest.main(verbosity=1)
