#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 300 s
"""Who gets in, and as whom: every transport key at every door, every certificate, signing key and sender behind each; only what belongs
together is accepted. Revocation, by key and by list, shuts out within a second, also from a live session, and nobody else notices.

KEYS: how many random transport keys knock (200).
"""
import contextlib
import hashlib
import os
import time
import unittest

import kit
from kit import client, event, house
import zmq

KEYS = int(os.environ.get("KEYS", "200"))
STRANGER = "00000099900600000000"


class Matrix(kit.Test):
    PARTNERS = ("politie", "om", "reclassering")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.known["gemeente"] = cls.enrol("gemeente", keys=cls.make_keys("gemeente", serial="00000099900100000001"))
        cls.house.cli("partner", "revoke", "gemeente", "--yes")
        cls.everybody = {name: keys for name, (keys, _) in cls.known.items()}
        # Certified by the same CA, enrolled by nobody.
        cls.everybody["stranger"] = cls.make_keys("stranger", serial=STRANGER)
        cls.certificates = {name: hashlib.sha256(keys.certificate_der()).digest() for name, keys in cls.everybody.items()}
        cls.oins = {name: keys.oin() for name, keys in cls.everybody.items()}

    def knock(self, keys, bundle):
        """Which status the door of @bundle has for the transport key of @keys."""
        with client.Client(keys, bundle) as one:
            try:
                one.wait_welcome()
            except client.ShutOut as shut_out:
                return shut_out.status
            return 200

    def intake(self):
        return {name: value for name, value in self.metrics().items() if name.startswith(("frames_", "batches_", "signals_"))}

    def test_a_transport_key_opens_its_own_door_only(self):
        before = self.intake()
        for door, (_, bundle) in self.known.items():
            for name, keys in self.everybody.items():
                if name != door or door == "gemeente":
                    expected = 500 if name == door else 400
                    self.assertEqual(self.knock(keys, bundle), expected, (name, door))
        self.assertEqual(self.intake(), before)

    def test_random_keys_reach_nothing(self):
        before = self.intake()
        context = zmq.Context()
        self.addCleanup(context.term)
        for number in range(KEYS):
            _, bundle = self.known[self.PARTNERS[number % len(self.PARTNERS)]]
            public, secret = zmq.curve_keypair()
            with contextlib.closing(context.socket(zmq.PAIR)) as socket:
                socket.setsockopt(zmq.LINGER, 0)
                socket.curve_serverkey = zmq.utils.z85.encode(bundle.hub_curve_public)
                socket.curve_publickey, socket.curve_secretkey = public, secret
                monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_SUCCEEDED)
                socket.connect(bundle.endpoint)
                with contextlib.suppress(zmq.Again):
                    socket.send(b"let me in", zmq.NOBLOCK)
                self.assertTrue(monitor.poll(20000))
                happened = zmq.utils.monitor.recv_monitor_message(monitor)
                self.assertEqual((happened["event"], happened["value"]), (zmq.EVENT_HANDSHAKE_FAILED_AUTH, 400))
                socket.disable_monitor()
                monitor.close(linger=0)
        self.assertEqual(self.intake(), before)

    def signed(self, signer, oin, report):
        return client.Batch(self.everybody[signer], house.HOUSE_OIN, self.oins[oin], [report])

    def test_behind_a_door_all_must_be_its_owners(self):
        """Certificate x signing key x sender: one of them all is accepted."""
        for number, door in enumerate(self.PARTNERS):
            report = kit.report(f"{door}-matrix", number)
            accepted = 0
            with self.session(door) as one:
                for signer in self.everybody:
                    for oin in self.everybody:
                        batch = self.signed(signer, oin, report)
                        for certificate, digest in self.certificates.items():
                            batch.body.certificate_digest = digest
                            accepted += self.check_cell(one, batch, door, certificate, (signer, oin) == (door, door))
                self.assertEqual(accepted, 1)
                outcomes = self.outcomes(one)
                self.assertEqual([line.kind for line in outcomes], [event.OUTCOME_KIND_NEW])

    def check_cell(self, one, batch, door, certificate, is_owners):
        message_id = client.uuid7()
        if certificate == door and is_owners:
            batch.message_id = message_id
            one.batches[message_id] = batch
        one.send(message_id=message_id, submit_batch=batch.body)
        if certificate == door and is_owners:
            self.assertEqual(len(one.wait_receipt(message_id)[0].signals), 1)
            return 1
        self.assertEqual(self.refusal(one).code, kit.SIGNATURE if certificate == door else kit.CERT_MISMATCH,
                         (door, certificate, is_owners))
        return 0

    def test_who_cannot_be_trusted_is_not_enrolled(self):
        another = self.house.dir / "another-house"
        self.house.cli("house", "init", another, "--example", "--demo-ca", "--from", house.EXAMPLE, hub=False)
        for name, home, days, code in (("by another CA", another, 30, "CERT_UNTRUSTED"), ("expired", self.house.house, -1, "CERT_EXPIRED")):
            keys = self.make_keys("halt", folder=self.house.dir / name, serial="00000099900700000000", sign=False)
            keys.certify(home / "demo-ca/DEMO-ca.pem", home / "demo-ca/DEMO-ca.key", days)
            answer = self.ask_enrol("halt", keys.enrol_request("halt", house.HOUSE_OIN), expect=1)
            self.assertIn(code, str(answer), name)


class Revocation(kit.Test):
    PARTNERS = ("politie", "om", "reclassering", "jeugdzorg")
    number = 0

    def until_told(self, one, *codes):
        """Seconds from now until the client is told that it is out, by one of @codes: (exception, code)."""
        began = time.monotonic()
        told = None
        while told is None:
            try:
                one.step(began + 20)
            except client.Refused as refused:
                told = client.Refused, refused.code
            except client.ShutOut as shut_out:
                told = client.ShutOut, shut_out.status
        took = time.monotonic() - began
        self.assertIn(told, codes)
        return took

    def check_good(self, one):
        type(self).number += 1
        self.assertEqual(self.submit(one, kit.report(f"V{self.number}", self.number)).signals[0].held_code, 0)

    def check_shut_out(self, name, act, *codes):
        """@name and another are in a session; after @act the one is told within a second, and whenever he comes again by the first of
        @codes; the other goes on in his own session."""
        with self.session("politie") as other, self.session(name) as one:
            session = other.session
            self.check_good(one)
            act()
            self.assertLessEqual(self.until_told(one, *codes), 1.0)
            self.check_good(other)
            self.assertEqual(other.session, session)
        with client.Client(*self.known[name]) as again:
            self.until_told(again, codes[0])
        self.check_hub_is_well()

    def test_by_key(self):
        """His key opens nothing any more; a goodbye may come before that is seen."""
        self.check_shut_out("om", lambda: self.house.cli("partner", "revoke", "om", "--yes"),
                            (client.ShutOut, 500), (client.Refused, kit.KEY_REVOKED))

    def test_by_list(self):
        """His key still opens the door, so it is at his Hello that he is told."""
        certificate = self.known["jeugdzorg"][0].certificate
        self.check_shut_out("jeugdzorg", lambda: self.house.cli("demo-ca", "revoke", self.house.house, certificate, "--yes", hub=False),
                            (client.Refused, kit.CERT_REVOKED))


if __name__ == "__main__":
    unittest.main(verbosity=1)
