#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 300 s
# check: not under asan -- what is measured here is a backlog, which an instrumented hub does not build up in the same way
# check: not under tsan -- the same
"""A key that was shut out stays out: by its old request, behind a backlog, after a crash, and beside a good key of the same partner.
And what has nothing to revoke says so.
"""
import os
import pathlib
import time

import kit
from kit import client, house

OINS = {"halt": "00000099900700000000", "rvdk": "00000099900600000000",
        "gemeente": "00000099900100000001"}
TESTS = pathlib.Path(os.environ["KNOOPPUNT_TESTS"])
PERSONS, SECONDS = 20000, 1  # what is journalled in that time takes longer than a second to apply


class Revocation(kit.Test):
    PARTNERS = ("politie", "om")
    SETTINGS = {"journal_map": "4GiB", "store_map": "4GiB"}

    def status_of(self, name, keys=None):
        """What the door says to the keys: 200 an open session, else ZAP's code."""
        bundle = self.known[name][1]
        with client.Client(keys or self.known[name][0], bundle) as one:
            try:
                one.wait_welcome()
            except client.ShutOut as shut_out:
                return shut_out.status
            return 200

    def make_known(self, name, folder):
        keys = self.make_keys(name, folder=self.house.dir / folder, serial=OINS[name])
        request = keys.enrol_request(name, house.HOUSE_OIN)
        self.known[name] = keys, client.open_bundle(self.ask_enrol(name, request), self.anchors, name)
        return keys, request

    def rows(self, name):
        return self.house.ask("partner", "list", name)["partners"]

    def test_an_old_request_does_not_open_the_door_again(self):
        keys, request = self.make_known("halt", "halt-1")
        self.ask_enrol("halt", request)  # the same again is no second key
        self.assertEqual([row["state"] for row in self.rows("halt")], ["active"])
        self.house.cli("partner", "revoke", "halt", "--yes")
        self.assertIn("KEY_REVOKED", str(self.ask_enrol("halt", request, expect=1)))
        self.assertIn("KEY_REVOKED", str(self.ask_enrol("halt", keys.enrol_request("halt", house.HOUSE_OIN), expect=1)))
        self.assertEqual(self.status_of("halt", keys), 500)
        new, _ = self.make_known("halt", "halt-2")
        self.assertEqual((self.status_of("halt", new), self.status_of("halt", keys)), (200, 500))

    def test_one_transport_key_is_one_counterparts(self):
        keys = self.make_keys("gemeente", folder=self.house.dir / "thief", serial=OINS["gemeente"])
        for part in ("curve.secret", "curve.public"):
            (keys.folder / part).unlink(missing_ok=True)
            (keys.folder / part).write_bytes((self.known["om"][0].folder / part).read_bytes())
        again = client.Keys(keys.folder)
        answer = self.ask_enrol("gemeente", again.enrol_request("gemeente", house.HOUSE_OIN), expect=1)
        self.assertIn("EXISTS", str(answer))

    def test_nothing_to_revoke_is_said(self):
        answer = self.house.ask("partner", "revoke", "om", "--key", "0" * 64, "--yes", expect=1)
        self.assertEqual(answer["name"], "NOT_FOUND")
        self.assertEqual(self.status_of("om"), 200)

    def test_a_key_is_as_good_as_its_certificate(self):
        first, _ = self.make_known("rvdk", "rvdk-1")
        second, _ = self.make_known("rvdk", "rvdk-2")
        self.assertEqual((self.status_of("rvdk", first), self.status_of("rvdk", second)), (200, 200))
        start = len(self.hub.lines)
        self.house.cli("demo-ca", "revoke", self.house.house, first.certificate, "--yes", hub=False)
        self.hub.wait_for("trust.renewed", start=start)
        self.house.wait_until("the first key is shut out", lambda: self.status_of("rvdk", first) == 500, seconds=5)
        self.assertEqual(self.status_of("rvdk", second), 200)
        self.assertEqual(sorted(row["certificate"] for row in self.rows("rvdk")), ["CERT_REVOKED", "OK"])

    def test_it_does_not_wait_behind_a_backlog(self):
        home = self.house.enrol("reclassering")
        keys = client.Keys(home / "keys")
        self.known["reclassering"] = keys, client.open_bundle((home / "bundle").read_bytes(), self.anchors, "reclassering")
        house.run(TESTS / "bench/load", "-p", PERSONS, "-s", 1, "-m", "load", "-n", 0, "-t", SECONDS, home)
        began = time.monotonic()
        self.house.cli("partner", "revoke", "reclassering", "--yes")
        took = time.monotonic() - began
        self.assertEqual(self.status_of("reclassering"), 500)
        behind = self.status()["hub"][0]["backlog"]
        self.assertGreater(behind, 0, "nothing waited: nothing was shown")
        self.assertLess(took, 1.0)
        self.hub.kill()
        self.hub.child.wait()
        type(self).hub = self.house.start_hub()
        self.assertEqual(self.status_of("reclassering"), 500, f"after a crash with {behind} positions to apply")
        self.wait_applied()
        self.assertEqual(self.status_of("reclassering"), 500)
        self.assertEqual([row["state"] for row in self.rows("reclassering")], ["revoked"])


if __name__ == "__main__":
    kit.main()
