#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""A stranger's client, written from proto/ alone, against a real hub: it enrols, submits, verifies the receipt and refuses one
that is altered by a bit, receives its events, acknowledges, and is not told twice. With each signature algorithm.
"""
import pathlib
import re

from google.protobuf import message

import kit
from kit import client, event, house, signal

ALGORITHM_OF = {"politie": "ed25519", "om": "p256", "reclassering": "rsa"}


class StrangersClient(kit.Test):
    PARTNERS = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, algorithm in ALGORITHM_OF.items():
            cls.known[name] = cls.enrol(name, algorithm=algorithm)
        cls.known["ketenmanager"] = cls.enrol("ketenmanager", user=True)

    def test_it_uses_nothing_of_ours_but_proto(self):
        text = pathlib.Path(client.__file__).read_text()
        ours = set(re.findall(r"(?m)^(?:import|from) (\w+)", text))
        self.assertEqual(ours, {"argparse", "collections", "hashlib", "importlib", "json", "os", "pathlib", "re", "secrets",
                                "subprocess", "sys", "tempfile", "time", "zmq", "google"})
        self.assertEqual(set(re.findall(r'(?:openssl|run)\(\s*\[?"([a-z0-9-]+)"', text)) - {"protoc"},
                         {"openssl", "pkey", "pkeyutl", "dgst", "req", "x509", "verify", "genpkey"})

    def story(self, name, number):
        """The whole of a session; the batch's receipt."""
        self.drain(name)
        with self.session(name) as one:
            self.assertEqual(one.welcome.house_oin, house.HOUSE_OIN)
            self.assertTrue(one.welcome.test_mode)
            self.assertEqual([box.mailbox for box in one.welcome.mailboxes], [name])
            sent = [kit.report(f"{name}-{number}-{i}", number + i) for i in range(3)]
            body, receipt, batch = one.wait_receipt(one.submit(sent))
            self.assertEqual([line.held_code for line in body.signals], [0, 0, 0])
            positions = [line.position for line in body.signals]
            self.assertEqual(positions, list(range(positions[0], positions[0] + 3)))
            # Altered by a bit, wherever: not a receipt.
            count = 0
            for other in client.altered(receipt):
                with self.assertRaises(client.Untrusted):
                    one.verify_receipt(other, batch)
                count += 1
            self.assertEqual(count, 6)
            self.assertEqual(one.verify_receipt(receipt, batch), body)

            one.credit(name, 1)
            box, seq, content = one.wait_event()
            self.assertEqual((box, content.WhichOneof("body")), (name, "outcomes"))
            self.assertEqual(content.outcomes.batch_message_id, batch.message_id)
            self.assertEqual([(line.reference, line.position, line.kind) for line in content.outcomes.outcomes],
                             [(made.reference, at, event.OUTCOME_KIND_NEW) for made, at in zip(sent, positions)])
            # Not acknowledged: it comes again in the next session, the same to the byte.
            one.say_hello()
            one.wait_welcome()
            one.credit(name, 1)
            self.assertEqual(one.wait_event(), (box, seq, content))
            one.ack(box, seq)
            one.wait_acked(box, seq)
        # Acknowledged: after it has come back from elsewhere, the next event is the first it gets.
        with self.session(name, last_position=positions[-1]) as one:
            self.assertEqual(one.welcome.mailboxes[0].acked_seq, seq)
            again = self.submit(one, sent[0])
            one.credit(name, 10)
            _, next_seq, content = one.wait_event()
            self.assertEqual(next_seq, seq + 1)
            line = content.outcomes.outcomes[0]
            self.assertEqual((line.kind, line.position, line.first_position),
                             (event.OUTCOME_KIND_DUPLICATE, again.signals[0].position, positions[0]))
            one.ack(name, next_seq)
            one.wait_acked(name, next_seq)

    def test_with_ed25519(self):
        self.story("politie", 100)

    def test_with_ecdsa_p256(self):
        self.story("om", 200)

    def test_with_rsa_pss(self):
        self.story("reclassering", 300)

    def test_what_becomes_ripe_is_told_to_whom_it_concerns(self):
        """Three partners know one person: a proposal with its reasons, and "known elsewhere" without content."""
        positions = {}
        with self.session("ketenmanager") as manager:
            for name in ALGORITHM_OF:
                with self.session(name) as one:
                    made = kit.report(f"ripe-{name}", 900, kind=signal.SIGNAL_KIND_RECIDIVELIJST)
                    positions[name] = self.submit(one, made).signals[0].position
            manager.credit("ketenmanager", 1)
            box, seq, content = manager.wait_event()
            ready = content.casus_ready
            self.assertEqual((ready.theme, sorted(ready.partners)), ("veelplegers", sorted(ALGORITHM_OF)))
            self.assertEqual({line.partner: line.position for line in ready.counted}, positions)
            self.assertEqual((ready.not_ripe_if.criterion, ready.not_ripe_if.amount), ("justitie-bij-drie", -1))
            self.assertEqual((ready.rule, ready.results[-1].criterion, ready.results[-1].met), ("rijp-veelplegers", "rijp-veelplegers", True))
            self.assertEqual(ready.caused_by_position, positions["reclassering"])
            self.assertEqual(len(content.event_id), 16)
            manager.ack(box, seq)
            manager.wait_acked(box, seq)
        for name in ALGORITHM_OF:
            with self.session(name) as one:
                one.credit(name, 100)
                while True:
                    _, _, content = one.wait_event()
                    if content.WhichOneof("body") == "known_elsewhere":
                        break
                told = content.known_elsewhere
                self.assertEqual((told.reference, told.theme), (f"ripe-{name}", "veelplegers"))
                for other in set(ALGORITHM_OF) - {name}:
                    self.assertNotIn(other.encode(), content.SerializeToString())

    def test_what_was_sent_before_a_good_end_counts(self):
        """A client that ends in order has its last messages heard: they are not overtaken by the news that it is gone."""
        refused = self.metrics()["frames_refused"]
        for turn in range(5):
            self.drain("om")
            one = client.Client(*self.known["om"])
            first = one.wait_welcome().mailboxes[0].last_seq + 1
            one.credit("om", 2)
            for i in range(2):
                self.submit(one, kit.report(f"end-{turn}-{i}", 700))
                self.assertEqual(one.wait_event()[1], first + i)
            for seq in [first] * 200 + [first + 1]:  # the last one has a way to go when its sender is gone
                one.ack("om", seq)
            one.close(linger_ms=10000)
            self.house.wait_until("its end is noticed", lambda: not any(
                row["connected"] for row in self.status()["doors"] if row["counterpart"] == "om"))
            with self.session("om") as other:
                self.assertEqual(other.wait_acked("om", first + 1, 5).mailboxes[0].last_seq, first + 1)
            self.assertEqual(self.metrics()["frames_refused"], refused)

    def hello(self, one, **fields):
        """Another session by this Hello: the Welcome, or the code of the refusal."""
        one.session, one.hello_at = None, client.time.monotonic()
        one.send(hello=client.wire.Hello(**fields))
        try:
            return one.wait_welcome()
        except client.Refused as refused:
            return refused.code

    def test_an_old_client_says_less(self):
        """Only what the first version of the wire had to have: no name of a program, no last position, no traceparent."""
        with self.session("politie") as one:
            welcome = self.hello(one, schemas=[1], counterpart="politie")
            self.assertEqual((welcome.schema, len(welcome.session)), (1, 16))
            least = signal.Signal(reference="least-1", version=1, action=signal.SIGNAL_ACTION_REPORT,
                                  kind=signal.SIGNAL_KIND_OVERLAST, registered_at_ms=1772000000000)
            least.persons.add(role=signal.CASUS_ROLE_OVERIG, surname="Verzonnen")
            self.assertEqual(self.submit(one, least).signals[0].held_code, 0)
            while True:
                one.credit("politie", 1)
                box, seq, content = one.wait_event()
                one.ack(box, seq)
                if [line.reference for line in content.outcomes.outcomes] == ["least-1"]:
                    break
            self.assertEqual(content.outcomes.outcomes[0].kind, event.OUTCOME_KIND_NEW)
            self.assertFalse(content.HasField("traceparent"))

    def test_the_hub_chooses_among_the_versions_that_are_offered(self):
        with self.session("politie") as one:
            self.assertEqual(self.hello(one, schemas=[1, 2, 9], counterpart="politie").schema, 1)
            for offered in ([2], [0], []):
                self.assertEqual(self.hello(one, schemas=offered, counterpart="politie"), kit.SCHEMA, offered)
            self.assertEqual(self.hello(one, schemas=[1], counterpart="politie").schema, 1)

    def test_a_bundle_that_was_touched_is_none(self):
        folder = self.house.dir / "touched"
        keys = self.make_keys("gemeente", folder=folder, serial="00000099900100000001")
        content = self.ask_enrol("gemeente", keys.enrol_request("gemeente", house.HOUSE_OIN))
        self.assertEqual(client.open_bundle(content, self.anchors, "gemeente").counterpart, "gemeente")
        for at in range(0, len(content), 37):
            with self.assertRaises((client.Untrusted, message.DecodeError), msg=at):
                client.open_bundle(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:], self.anchors, "gemeente")


if __name__ == "__main__":
    kit.main()
