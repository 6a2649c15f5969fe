#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""`knooppunt`, as two people use it: a counterpart without any hub, and an operator with a hub that answers what the test
tells it to (also what no hub should). What it makes is judged by openssl and by tests/e2e/client.py, not by itself.
"""
import json
import os
import pathlib
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import unittest

import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import client  # noqa: E402
from cli_kit import (BROKEN, DONE, HOUSE_OIN, KNOOPPUNT, LATER, NO, POLITIE_OIN, TEMPLATE, USAGE, Folder, Hub, answer_of,  # noqa: E402
                     end_of_pipe, run, section)
from client import identity, wire  # noqa: E402


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class House(Folder):
    def test_a_house_has_all_a_hub_needs(self):
        self.init("--demo-ca")
        modes = {
            "house.yaml": 0o644, "keys": 0o700, "keys/master.key": 0o400, "keys/index.key": 0o400,
            "keys/curve.secret": 0o400, "keys/curve.public": 0o644, "keys/signing.key": 0o400,
            "keys/signing.pem": 0o644, "trust": 0o755, "trust/anchors.pem": 0o644, "trust/crl.pem": 0o644,
            "demo-ca": 0o700, "demo-ca/DEMO-ca.key": 0o400, "demo-ca/DEMO-ca.pem": 0o644, "run": 0o750,
        }
        found = {str(path.relative_to(self.house)): mode(path) for path in self.house.rglob("*")}
        self.assertEqual(found, modes)
        self.assertEqual(list(self.folder.iterdir()), [self.house])
        self.assertEqual((self.house / "keys/master.key").stat().st_size, 32)
        self.assertNotEqual((self.house / "keys/master.key").read_bytes(),
                            (self.house / "keys/index.key").read_bytes())
        secret = (self.house / "keys/curve.secret").read_bytes()
        self.assertEqual(zmq.curve_public(secret), (self.house / "keys/curve.public").read_bytes())
        client.openssl("verify", "-CAfile", self.house / "trust/anchors.pem", "-CRLfile",
                       self.house / "trust/crl.pem", "-crl_check", "-x509_strict",
                       self.house / "keys/signing.pem")
        der = client.openssl("x509", "-in", self.house / "keys/signing.pem", "-outform", "DER")
        self.assertEqual(client.serial_number_of(der), HOUSE_OIN)
        self.assertIn(b"DEMO", client.openssl("x509", "-in", self.house / "demo-ca/DEMO-ca.pem", "-noout",
                                              "-subject"))

    def test_nothing_is_overwritten(self):
        self.init("--demo-ca")
        before = {path: path.read_bytes() for path in self.house.rglob("*") if path.is_file()}
        _, error = self.init("--demo-ca", expect=NO)
        self.assertIn("exists already", error)
        self.assertEqual(before, {path: path.read_bytes() for path in self.house.rglob("*") if path.is_file()})
        self.assertEqual(list(self.folder.iterdir()), [self.house])

    def test_a_failed_init_leaves_nothing(self):
        run("house", "init", self.house, "--from", self.folder / "absent", expect=NO)
        broken = self.folder / "broken"
        broken.mkdir()
        (broken / "house.yaml").write_text("house:\n  id: x\nhub:\n")
        run("house", "init", self.house, "--from", broken, expect=NO)
        self.assertEqual(list(self.folder.iterdir()), [broken])

    def test_the_options_are_in_the_configuration(self):
        self.init("--oin", "00000099900123456789", "--ports", "20000-20099")
        told = answer_of("config", "check", self.house / "house.yaml")
        self.assertEqual(told["house"][0]["oin"], "00000099900123456789")
        dump = run("config", "dump", self.house / "house.yaml")[0]
        self.assertRegex(dump, r"port_first: 20000\n")
        self.assertRegex(dump, r"port_last: 20099\n")
        text = (self.house / "house.yaml").read_text()
        self.assertNotIn("demo_ca", text)
        self.assertIn("# not granted yet", text)  # what a person wrote is still there

    def test_a_production_house_trusts_no_demonstration(self):
        oin = "00000001234567890000"
        self.init("--production", expect=USAGE)
        self.init("--production", "--oin", oin, "--demo-ca", expect=USAGE)
        self.init("--production", "--oin", oin, "--example", expect=USAGE)
        self.init("--production", "--oin", oin)
        self.assertFalse((self.house / "demo-ca").exists())
        self.assertFalse((self.house / "keys/signing.pem").exists())
        self.assertIn(oin.encode(), client.openssl("req", "-in", self.house / "keys/signing.csr", "-noout",
                                                   "-subject", "-verify"))
        told = answer_of("config", "check", self.house / "house.yaml", expect=NO)
        self.assertEqual(told["name"], "TEST_MODE")  # the example's partners are still in it
        text = " ".join(message["text"] for message in told["messages"])
        for left in ("house: id", "house: name", "house: municipality", "house: contact", 'partner "om": oin'):
            self.assertIn(left, text)
        self.assertNotIn("Nobody and nothing in it exists", (self.house / "house.yaml").read_text())
        self.assertEqual(list(path.name for path in (self.house / "trust").iterdir()), [])

    def test_wrong_values_are_named(self):
        for options, value in ((("--oin", "123"), "123"), (("--ports", "70000-70001"), "70000"),
                               (("--ports", "2000"), "2000"), (("--ports", "2000-1999"), "1999"),
                               (("--ports", "2000-2x"), "2x")):
            _, error = self.init(*options, expect=USAGE)
            self.assertIn('"%s"' % value, error)
        self.assertEqual(list(self.folder.iterdir()), [])


class Config(Folder):
    def test_every_fault_is_told_with_its_place(self):
        broken = self.folder / "house.yaml"
        text = (TEMPLATE / "house.yaml").read_text()
        broken.write_text(text.replace("port_first: 17400", "port_first: many").replace("mode: test", "mode: toy"))
        _, error = run("config", "check", broken, expect=NO)
        self.assertRegex(error, r'house\.yaml:\d+:\d+: .*"many"')
        self.assertRegex(error, r'house\.yaml:\d+:\d+: .*"toy"')
        told = answer_of("config", "check", broken, expect=NO)
        self.assertEqual(told["name"], "CONFIG")
        self.assertEqual(len(told["messages"]), 2)

    def test_a_house_is_named_by_its_folder_or_its_file(self):
        self.init("--demo-ca")
        self.assertEqual(run("config", "check", self.house)[0], run("config", "check", self.house / "house.yaml")[0])
        self.assertEqual(run("config", "dump", self.house)[0], run("config", "dump", self.house / "house.yaml")[0])

    def test_one_fault_is_one_fault(self):
        broken = self.folder / "house.yaml"
        broken.write_text((TEMPLATE / "house.yaml").read_text().replace("mode: test", "mode: toy"))
        self.assertIn("has 1 fault [", run("config", "check", broken, expect=NO)[1])

    def check_start(self, *named, expect=NO, options=()):
        """What --start says; each fault names its file."""
        _, error = run("config", "check", self.house, "--start", *options, expect=expect)
        for name in named:
            self.assertIn(name, error)
        if expect == NO:
            self.assertIn("has %d fault%s [CONFIG]" % (len(named), "" if len(named) == 1 else "s"), error)
        return error

    def test_what_the_hub_needs_to_start_is_looked_at(self):
        self.init("--demo-ca")
        keys = self.house / "keys"
        self.check_start(expect=DONE)
        keys.rename(self.folder / "keys")  # as with credentials of a service that does not run
        self.check_start("master.key", "index.key", "curve.secret", "signing.key", "signing.pem")
        self.check_start(expect=DONE, options=("--keys", self.folder / "keys"))
        (self.folder / "keys").rename(keys)
        (keys / "master.key").chmod(0o444)
        self.check_start("chmod 0400")
        (keys / "master.key").chmod(0o400)
        (keys / "index.key").chmod(0o600)
        (keys / "index.key").write_bytes(b"short")
        (keys / "curve.secret").unlink()
        self.check_start("index.key holds 5 bytes", "curve.secret")
        told = answer_of("config", "check", self.house, "--start", expect=NO)
        self.assertEqual((told["name"], len(told["messages"])), ("CONFIG", 2))
        run("config", "check", self.house, "--keys", keys, expect=USAGE)

    def test_a_start_needs_the_houses_own_certificate(self):
        self.init("--demo-ca")
        certificate = self.house / "keys/signing.pem"
        other = self.keygen("other", "--oin", POLITIE_OIN)
        self.certify(other)
        certificate.write_bytes(other.certificate.read_bytes())
        self.check_start("is not the certificate of signing.key", 'of OIN "%s"' % POLITIE_OIN)
        certificate.unlink()
        self.check_start("signing.csr")

    def test_a_start_needs_current_revocation_lists(self):
        self.init("--demo-ca")
        database = self.folder / "index.txt"
        database.write_text("")
        (self.folder / "ca.cnf").write_text("[ca]\ndefault_ca=c\n[c]\ndatabase=%s\n" % database)
        crl = self.house / "trust/crl.pem"
        client.openssl("ca", "-config", self.folder / "ca.cnf", "-gencrl", "-keyfile", self.house / "demo-ca/DEMO-ca.key",
                       "-cert", self.house / "demo-ca/DEMO-ca.pem", "-md", "null", "-crl_lastupdate", "20240101000000Z",
                       "-crl_nextupdate", "20240201000000Z", "-out", crl)
        self.check_start("stale since 2024-02-01T00:00:00Z")
        crl.write_text("")
        self.check_start("crl.pem")
        (self.house / "trust/anchors.pem").unlink()
        self.check_start("anchors.pem")

    def test_a_dump_reads_again_as_the_same(self):
        dump = run("config", "dump", TEMPLATE / "house.yaml")[0]
        again = self.folder / "again.yaml"
        again.write_text(dump)
        self.assertEqual(run("config", "dump", again)[0], dump)
        self.assertIn("port_first", run("config", "fields")[0])


class Identity(Folder):
    def setUp(self):
        super().setUp()
        self.init("--demo-ca")

    def request(self, keys, *options, expect=DONE, oin=HOUSE_OIN, name="politie", kind="partner"):
        return run("request", keys.folder, "--house-oin", oin, "--as", name, "--kind", kind, "--cert",
                   keys.certificate, "--out", self.folder / "request.kpr", *options, expect=expect)

    def test_a_partner_enrols_with_each_algorithm(self):
        for algorithm, number in (("ed25519", 1), ("ecdsa-p256", 2), ("rsa-pss", 3)):
            keys = self.keygen("politie-" + algorithm, "--oin", POLITIE_OIN, "--algorithm", algorithm)
            self.assertEqual(mode(keys.folder), 0o700)
            self.assertEqual(mode(keys.signing_key), 0o400)
            self.assertEqual(mode(keys.curve_secret), 0o400)
            self.assertEqual(zmq.curve_public(keys.curve_secret.read_bytes()), keys.curve_public.read_bytes())
            self.certify(keys)
            client.check_chain(keys.certificate_der(), self.house / "trust/anchors.pem")
            self.assertEqual(keys.oin(), POLITIE_OIN)
            self.request(keys)
            request = identity.EnrolRequest.FromString((self.folder / "request.kpr").read_bytes())
            body = identity.EnrolBody.FromString(request.body)
            self.assertEqual(request.algorithm, number)
            client.verify(client.public_key_of(body.certificate), request.algorithm, "knooppunt.enrol.v1",
                          request.body, request.signature)
            with self.assertRaises(client.Untrusted):
                client.verify(client.public_key_of(body.certificate), request.algorithm, "knooppunt.batch.v1",
                              request.body, request.signature)
            self.assertEqual(body.certificate, keys.certificate_der())
            self.assertEqual((body.kind, body.counterpart, body.house_oin),
                             (identity.COUNTERPART_KIND_PARTNER, "politie", HOUSE_OIN))
            self.assertEqual(body.curve_public, zmq.utils.z85.decode(keys.curve_public.read_bytes()))
            self.assertNotIn(keys.curve_secret.read_bytes(), (self.folder / "request.kpr").read_bytes())

    def test_the_chain_travels_with_the_request(self):
        keys = self.keygen("politie", "--oin", POLITIE_OIN)
        self.certify(keys)
        self.request(keys, "--chain", self.house / "trust/anchors.pem")
        request = identity.EnrolRequest.FromString((self.folder / "request.kpr").read_bytes())
        body = identity.EnrolBody.FromString(request.body)
        self.assertEqual(list(body.chain), [client.openssl("x509", "-in", self.house / "trust/anchors.pem",
                                                           "-outform", "DER")])

    def test_a_user_has_his_id_in_his_certificate(self):
        keys = self.keygen("ketenmanager", "--serial", "ketenmanager")
        self.certify(keys, "--days", "30")
        self.request(keys, name="ketenmanager", kind="user")
        _, error = self.request(keys, name="liaison-politie", kind="user", expect=NO)
        self.assertIn('"ketenmanager", not the user\'s id "liaison-politie"', error)
        _, error = self.request(keys, name="politie", kind="partner", expect=NO)
        self.assertIn("not an OIN", error)

    def test_a_request_that_the_hub_would_refuse_is_not_made(self):
        keys = self.keygen("politie", "--oin", POLITIE_OIN)
        other = self.keygen("other", "--oin", POLITIE_OIN)
        self.certify(keys)
        self.certify(other)
        run("request", keys.folder, "--house-oin", HOUSE_OIN, "--as", "politie", "--kind", "partner", "--cert",
            other.certificate, "--out", self.folder / "request.kpr", expect=NO)
        self.request(keys, oin="123", expect=USAGE)
        self.request(keys, name="Politie", expect=USAGE)
        self.request(keys, kind="guest", expect=USAGE)
        keys.signing_key.chmod(0o444)
        self.request(keys, expect=BROKEN)
        self.assertFalse((self.folder / "request.kpr").exists())

    def test_keygen_takes_one_identity_and_a_free_directory(self):
        run("keygen", self.folder / "x", "--name", "X", expect=USAGE)
        run("keygen", self.folder / "x", "--name", "X", "--oin", POLITIE_OIN, "--serial", "x", expect=USAGE)
        run("keygen", self.folder / "x", "--name", "X", "--oin", "1" * 19, expect=USAGE)
        run("keygen", self.folder / "x", "--name", "X", "--serial", "x", "--algorithm", "rsa", expect=USAGE)
        run("keygen", self.folder / "x", "--name", "", "--serial", "x", expect=USAGE)
        run("keygen", self.folder / "x", "--name", "X" * 65, "--serial", "x", expect=USAGE)
        run("keygen", self.house, "--name", "X", "--serial", "x", expect=NO)
        self.assertEqual(list(self.folder.iterdir()), [self.house])

    def test_the_demo_ca_certifies_allowed_keys_only(self):
        keys = self.keygen("politie", "--oin", POLITIE_OIN)
        short = self.folder / "short.csr"
        client.openssl("req", "-newkey", "rsa:1024", "-nodes", "-keyout", self.folder / "short.key", "-out", short,
                       "-subj", "/CN=x")
        run("demo-ca", "sign", self.house, short, "--out", self.folder / "short.pem", expect=NO)
        self.assertFalse((self.folder / "short.pem").exists())
        run("demo-ca", "sign", self.house, keys.certificate_request, "--out", keys.certificate, "--days", "0",
            expect=USAGE)
        _, error = run("demo-ca", "sign", self.folder, keys.certificate_request, "--out", keys.certificate, expect=NO)
        self.assertIn("has no demonstration CA", error)
        self.assertIn("house init DIR --demo-ca", error)

    def test_a_revoked_certificate_is_on_the_list_for_good(self):
        keys = self.keygen("politie", "--oin", POLITIE_OIN)
        other = self.keygen("om", "--oin", "00000099900300000000")
        self.certify(keys)
        self.certify(other)
        crl = self.house / "trust/crl.pem"
        before = crl.read_bytes()
        _, error = run("demo-ca", "revoke", self.house, keys.certificate, expect=NO)
        self.assertIn("--yes", error)
        self.assertEqual(crl.read_bytes(), before)
        run("demo-ca", "revoke", self.house, keys.certificate, "--yes")

        def check(certificate):
            client.openssl("verify", "-CAfile", self.house / "trust/anchors.pem", "-CRLfile", crl, "-crl_check",
                           certificate)
        with self.assertRaisesRegex(client.Untrusted, "revoked"):
            check(keys.certificate)
        check(other.certificate)
        run("demo-ca", "revoke", self.house, keys.certificate, "--yes", expect=NO)  # is there already
        run("demo-ca", "revoke", self.house, other.certificate, "--yes")
        run("demo-ca", "renew", self.house)
        for certificate in (keys.certificate, other.certificate):
            with self.assertRaisesRegex(client.Untrusted, "revoked"):
                check(certificate)
        number = client.openssl("crl", "-in", crl, "-noout", "-crlnumber").decode()
        self.assertEqual(int(number.split("=")[1], 16), 4)
        another = self.folder / "another"
        run("house", "init", another, "--from", TEMPLATE, "--demo-ca")
        run("demo-ca", "revoke", another, keys.certificate, "--yes", expect=NO)  # not its own

    def bundle(self, key=None, **changes):
        """As a hub makes it, but made with openssl."""
        body = identity.BundleBody(
            house="voorbeeldstad", house_oin=HOUSE_OIN, counterpart="politie", endpoint="tcp://127.0.0.1:17400",
            hub_curve_public=zmq.utils.z85.decode((self.house / "keys/curve.public").read_bytes()),
            hub_certificate=client.openssl("x509", "-in", self.house / "keys/signing.pem", "-outform", "DER"),
            anchors=[client.openssl("x509", "-in", self.house / "trust/anchors.pem", "-outform", "DER")],
            test_mode=True)
        for name, value in changes.items():
            setattr(body, name, value)
        encoded = body.SerializeToString()
        algorithm, signature = client.sign(key or self.house / "keys/signing.key", "knooppunt.bundle.v1", encoded)
        return identity.Bundle(body=encoded, algorithm=algorithm, signature=signature).SerializeToString()

    def show(self, content, expect=DONE):
        path = self.folder / "politie.bundle"
        path.write_bytes(content)
        return answer_of("bundle", "show", path, expect=expect)

    def test_a_bundle_is_checked_and_shown(self):
        good = self.bundle()
        told = self.show(good)["bundle"][0]
        self.assertEqual((told["house_oin"], told["counterpart"], told["endpoint"], told["test_mode"]),
                         (HOUSE_OIN, "politie", "tcp://127.0.0.1:17400", True))
        der = client.openssl("x509", "-in", self.house / "keys/signing.pem", "-outform", "DER")
        digest = client.hashlib.sha256(der).hexdigest()
        self.assertEqual(told["hub_certificate_fingerprint"].replace(" ", ""), digest)
        self.assertIn("telephone", run("bundle", "show", self.folder / "politie.bundle")[0])
        stranger = self.keygen("stranger", "--oin", POLITIE_OIN)
        self.assertEqual(self.show(self.bundle(key=stranger.signing_key), expect=NO)["name"], "SIGNATURE")
        self.assertEqual(self.show(self.bundle(house_oin=POLITIE_OIN), expect=NO)["name"], "CERT_MISMATCH")
        self.assertEqual(self.show(self.bundle(hub_certificate=b"x"), expect=NO)["name"], "MALFORMED")
        self.assertEqual(self.show(b"", expect=NO)["name"], "MALFORMED")
        self.assertEqual(self.show(b"\xff" * 100, expect=NO)["name"], "MALFORMED")

    def test_no_altered_bundle_is_shown_as_good(self):
        good = self.bundle()
        for at in range(0, len(good), 29):  # a process for each byte would take minutes
            altered = bytearray(good)
            altered[at] ^= 1 << at % 8
            path = self.folder / "altered"
            path.write_bytes(altered)
            done = subprocess.run([str(KNOOPPUNT), "bundle", "show", str(path)], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False, timeout=60)
            self.assertEqual(done.returncode, NO, (at, done))


class Questions(Hub):
    def test_each_command_asks_its_question(self):
        rows = (
            (["status"], "status", []),
            (["watch", "politie"], "watch", ["politie"]),
            (["mailbox", "list"], "mailbox.list", []),
            (["trace", "12"], "trace", ["12"]),
            (["trace", "politie", "PL-1"], "trace", ["politie", "PL-1"]),
            (["held", "list"], "held.list", []),
            (["proposal", "list"], "proposal.list", []),
            (["person", "count"], "person.count", []),
            (["held", "list", "om"], "held.list", ["om"]),
            (["held", "show", "7"], "held.show", ["7"]),
            (["held", "retry", "7", "8"], "held.retry", ["7", "8"]),
            (["held", "drop", "7", "--yes"], "held.drop", ["7"]),
            (["metrics"], "metrics", []),
            (["backup", "/srv/x"], "backup", ["/srv/x"]),
            (["store", "digest"], "store.digest", []),
            (["store", "verify"], "store.verify", []),
            (["partner", "list"], "partner.list", []),
            (["partner", "revoke", "om", "--yes"], "partner.revoke", ["om"]),
            (["partner", "revoke", "om", "--key", "ab" * 32, "--yes"], "partner.revoke", ["om", "ab" * 32]),
            (["user", "list"], "user.list", []),
            (["user", "revoke", "fg", "--yes"], "user.revoke", ["fg"]),
        )
        for words, name, arguments in rows:
            self.ask(*words)
            envelope = self.asked[-1]
            self.assertEqual((envelope.query.name, list(envelope.query.arguments)), (name, arguments))
            self.assertEqual((envelope.schema, len(envelope.message_id), envelope.message_id[6] >> 4), (1, 16, 7))
            self.assertFalse(envelope.query.HasField("attachment"))
        self.assertEqual(len({envelope.message_id for envelope in self.asked}), len(rows))

    def test_enrolment_says_where_the_bundle_goes(self):
        request = self.folder / "request.kpr"
        request.write_bytes(b"request")
        self.answers(wire.Answer(sections=[section("bundle", {"bundle": b"bundle", "port": 17400})]))
        out, _ = self.ask("partner", "enrol", request, "--out", self.folder / "bundle")
        self.assertIn("beside his adapter.yaml, as `bundle`", out)

    def test_a_backup_goes_where_the_operator_stands(self):
        subprocess.run([str(KNOOPPUNT), "backup", "x", "--socket", str(self.path)], cwd=self.folder, check=True,
                       stdout=subprocess.PIPE, timeout=60)
        self.assertEqual(list(self.query().arguments), [str(self.folder / "x")])

    def test_the_socket_of_a_house_is_found(self):
        (self.house / "run").mkdir(parents=True)
        (self.house / "run/hub.sock").symlink_to(self.path)
        run("status", "--house", self.house)
        self.assertEqual(self.query().name, "status")

    def test_the_socket_may_stand_before_the_command_or_in_the_environment(self):
        (self.house / "run").mkdir(parents=True)
        (self.house / "run/hub.sock").symlink_to(self.path)
        self.answers(wire.Answer(text="here"))
        for words in (["--socket", self.path, "status", "--json"], ["--json", "--house", self.house, "held", "list"],
                      ["--socket=%s" % self.path, "--json", "trace", "politie", "PL-1"]):
            self.assertEqual(json.loads(run(*words)[0])["text"], "here")
        self.assertEqual(list(self.query().arguments), ["politie", "PL-1"])
        _, error = run("--fast", "status", expect=USAGE)
        self.assertIn('"--fast"', error)
        _, error = run("--socket", expect=USAGE)
        self.assertIn('"--socket"', error)
        self.addCleanup(os.environ.pop, "KNOOPPUNT_SOCKET", None)
        os.environ["KNOOPPUNT_SOCKET"] = str(self.path)
        self.assertIn("here", run("status")[0])
        _, error = run("status", "--socket", self.folder / "absent.sock", expect=LATER)  # what is typed counts
        self.assertIn("absent.sock", error)

    def test_what_goes_is_shown_before_it_goes(self):
        self.answers(wire.Answer(sections=[section("held", {"position": 7, "code": "BSN"})]))
        for words, asked in ((["held", "drop", "7"], "held.show"), (["partner", "revoke", "om"], "partner.list"),
                             (["user", "revoke", "fg"], "user.list")):
            out, error = self.ask(*words, expect=NO)
            self.assertIn("BSN", out)
            self.assertIn("--yes", error)
            self.assertEqual(self.query().name, asked)
            self.assertEqual(list(self.query().arguments), [words[2]])

    def test_enrolment_carries_the_request_and_keeps_the_bundle(self):
        request, out = self.folder / "request.kpr", self.folder / "politie.bundle"
        request.write_bytes(bytes(range(256)) * 9)
        for kind in ("partner", "user"):
            self.answers(wire.Answer(sections=[section("bundle", {"bundle": b"\0bundle\xff", "port": 17400})]))
            told = json.loads(self.ask(kind, "enrol", request, "--out", out, "--json")[0])
            self.assertEqual(self.query().name, kind + ".enrol")
            self.assertEqual(self.query().attachment, request.read_bytes())
            self.assertEqual(out.read_bytes(), b"\0bundle\xff")
            fingerprint = client.hashlib.sha256(request.read_bytes()).hexdigest()
            self.assertEqual(told["bundle"][0]["request_fingerprint"].replace(" ", ""), fingerprint)
            self.assertEqual(told["bundle"][0]["port"], 17400)
            self.assertNotIn("bundle", told["bundle"][0])
            out.unlink()
        self.answers(wire.Answer(code=46, text="the signature does not verify"))
        self.ask("partner", "enrol", request, "--out", out, expect=NO)
        self.answers(wire.Answer())
        self.ask("partner", "enrol", request, "--out", out, expect=NO)
        self.assertFalse(out.exists())


class Answers(Hub):
    def test_sections_become_tables_and_objects(self):
        answer = wire.Answer(text="all is well", sections=[
            section("doors", {"id": "politie", "port": 17400, "connected": True},
                    {"id": "om", "port": 17401, "connected": False, "busy": 2, "note": ""}),
            section("hub", {"house": "voorbeeldstad", "a": 1, "b": 2, "started_at_ms": 1780315200123, "lag_ms": 5}),
            section("held"), section("digest", {"sha256": b"\x01\xab"})])
        self.answers(answer)
        self.assertEqual(self.ask("status")[0], "\n".join([
            "all is well", "",
            "doors", "  id        port  connected  busy  note", "  politie  17400  yes           -  -",
            "  om       17401  no            2  -", "",
            "hub", "  house       voorbeeldstad", "  a           1", "  b           2",
            "  started at  2026-06-01T12:00:00.123Z", "  lag ms      5", "",
            "held", "  none", "",
            "digest", "  sha256", "  01ab", ""]))
        self.assertEqual(json.loads(self.ask("status", "--json")[0]), {
            "code": 0, "name": "OK", "text": "all is well",
            "doors": [{"id": "politie", "port": 17400, "connected": True},
                      {"id": "om", "port": 17401, "connected": False, "busy": 2, "note": ""}],
            "hub": [{"house": "voorbeeldstad", "a": 1, "b": 2, "started_at_ms": 1780315200123, "lag_ms": 5}],
            "held": [], "digest": [{"sha256": "01ab"}]})

    def test_names_that_say_too_little_are_explained_to_people(self):
        """The same names stay in --json, for programs."""
        match = {"person": "P-1.1", "signals": 2, "spellings": 2, "margin": "12.25", "because": "x"}
        names = {"found": "keys that the two share",
                 "weighed": "what speaks for one person, and what against: a bit doubles the odds",
                 "not": "the nearest other person", "not_found": "keys shared with that other person",
                 "not_weighed": "what speaks for that other person, and what against"}
        self.answers(wire.Answer(sections=[section("match", match), *(section(name, {"by": "BSN"}) for name in names)]))
        told = self.ask("match", "explain", "7")[0].splitlines()
        self.assertIn("  bits ahead of the nearest other  12.25", told)
        self.assertEqual([line for line in told if line and line[0] != " "], ["match", *names.values()])
        answer = json.loads(self.ask("match", "explain", "7", "--json")[0])
        self.assertEqual((answer["match"], list(answer)[3:]), ([match], list(names)))

    def test_an_answer_in_parts_is_one_result(self):
        parts = [wire.Answer(more=number < 999, sections=[section("held", {"position": number})])
                 for number in range(1000)]
        self.answers(*parts)
        told = json.loads(self.ask("held", "list", "--json")[0])
        self.assertEqual([row["position"] for row in told["held"]], list(range(1000)))

    def test_what_a_partner_named_does_not_steer_the_terminal(self):
        self.answers(wire.Answer(sections=[section("held", {"reference": "\x1b[2J\r\n\x07\u009bé", "x": 1})]))
        out = self.ask("held", "list")[0]
        self.assertNotRegex(out.replace("\n", ""), "[\x00-\x1f\x7f\u0080-\u009f]")
        self.assertIn("é", out)

    def test_the_code_decides_how_it_ends(self):
        for code, ends in ((1, LATER), (2, LATER), (3, BROKEN), (4, NO), (5, NO), (6, USAGE), (8, NO), (9, BROKEN),
                           (10, BROKEN), (15, BROKEN), (16, LATER), (17, NO), (40, NO), (46, NO), (99999, BROKEN)):
            self.answers(wire.Answer(code=code, text="because"))
            _, error = self.ask("status", expect=ends)
            self.assertIn("because", error)
            told = json.loads(self.ask("status", "--json", expect=ends)[0])
            self.assertEqual((told["code"], told["text"]), (code, "because"))

    def test_a_failure_still_shows_its_sections(self):
        self.answers(wire.Answer(code=9, text="3 rows", sections=[section("report", {"bad_rows": 3})]))
        out, error = self.ask("store", "verify", expect=BROKEN)
        self.assertIn("bad rows", out)
        self.assertIn("3 rows [CORRUPT]", error)
        told = json.loads(self.ask("store", "verify", "--json", expect=BROKEN)[0])
        self.assertEqual((told["name"], told["report"]), ("CORRUPT", [{"bad_rows": 3}]))

    def test_metrics_are_openmetrics(self):
        self.answers(wire.Answer(sections=[section(
            "metrics",
            {"name": "door_frames", "type": "counter", "help": "Frames.", "labels": 'door="1"', "value": 3},
            {"name": "door_frames", "type": "counter", "help": "Frames.", "labels": 'door="2"', "value": 4},
            {"name": "held", "type": "gauge", "help": "Held signals.", "value": 0})]))
        self.assertEqual(self.ask("metrics")[0], "\n".join([
            "# TYPE knooppunt_door_frames counter", "# HELP knooppunt_door_frames Frames.",
            'knooppunt_door_frames_total{door="1"} 3', 'knooppunt_door_frames_total{door="2"} 4',
            "# TYPE knooppunt_held gauge", "# HELP knooppunt_held Held signals.", "knooppunt_held 0", "# EOF", ""]))
        self.assertEqual(len(json.loads(self.ask("metrics", "--json")[0])["metrics"]), 3)

    def test_watching_is_a_line_for_each_event_as_it_comes(self):
        told = threading.Event()

        def script(_):
            yield wire.Answer(more=True, sections=[section("events", {"seq": 1, "kind": "outcomes"})])
            told.wait(60)  # until the first line was read
            yield wire.Answer(sections=[section("events", {"seq": 2, "kind": "casus_ready", "at_ms": 0})])
        for options, lines in (([], ["seq=1 kind=outcomes\n", "seq=2 kind=casus_ready at_ms=1970-01-01T00:00:00.000Z\n"]),
                               (["--json"], ['{"seq":1,"kind":"outcomes"}\n',
                                             '{"seq":2,"kind":"casus_ready","at_ms":0}\n'])):
            self.script = script
            told.clear()
            with subprocess.Popen([str(KNOOPPUNT), "watch", "om", "--socket", str(self.path), *options],
                                  stdout=subprocess.PIPE, text=True) as process:
                self.assertEqual(process.stdout.readline(), lines[0])
                told.set()
                self.assertEqual(process.stdout.readline(), lines[1])
            self.assertEqual(process.returncode, DONE)

    def test_a_reader_that_left_ends_it_without_a_word(self):
        self.answers(wire.Answer(sections=[section("held", *({"reference": "R-%d" % n} for n in range(1000)))]))
        for words in (["status"], ["held", "list", "--json"], ["watch", "om"], ["trace", "7"]):
            self.assertEqual(end_of_pipe(*words, "--socket", self.path), (-signal.SIGPIPE, b""), words)


class BadHubs(Hub):
    def test_no_hub_is_try_later(self):
        silent = self.folder / "silent.sock"
        with socket.socket(socket.AF_UNIX) as left:  # its file stays when it ends
            left.bind(str(silent))
        longest = self.folder / ("x" * (107 - len(str(self.folder)) - 1))
        for path in (silent, self.folder / "absent.sock", longest):
            text = ("no hub listens at %s; it may not be running. Start it (knooppunt-hub HOUSE), or name its socket: "
                    "--house, --socket or KNOOPPUNT_SOCKET" % path)
            _, error = run("status", "--socket", path, expect=LATER)
            self.assertEqual(error.splitlines()[0], "knooppunt: %s [LATER]" % text)
            self.assertEqual(answer_of("status", "--socket", path, expect=LATER)["text"], text)
        run("status", "--socket", str(longest) + "x", expect=USAGE)

    def test_a_hub_that_stops_is_try_later(self):
        self.answers()
        self.ask("status", expect=LATER)
        self.answers(wire.Answer(more=True))
        self.ask("status", expect=LATER)

    def test_what_is_no_answer_is_said_to_be_none(self):
        cases = {
            "a length without bytes": [b"\0\0"],
            "half a frame": [b"\0\0\0\x09abc"],
            "too large a frame": [struct.pack(">I", (1 << 20) + 1)],
            "no envelope": [b"\0\0\0\x04\xff\xff\xff\xff"],
            "an empty one": [b"\0\0\0\0"],
            "another question's": [wire.Answer(query_message_id=b"0" * 16)],
            "no question's": [wire.Answer(query_message_id=b"")],
        }
        for what, replies in cases.items():
            with self.subTest(what):
                self.answers(*replies)
                _, error = self.ask("status", expect=NO)
                self.assertTrue(error.startswith("knooppunt: "), error)

    def test_a_refusal_is_the_hubs_own_code(self):
        self.answers(wire.Refusal(code=50, text="not for you"))
        _, error = self.ask("status", expect=NO)
        self.assertIn("not for you [NOT_ENTITLED]", error)


class Usage(Folder):
    def test_help_names_every_command(self):
        text = run("--help")[0]
        for name in ("house init", "keygen", "request", "bundle show", "demo-ca sign", "demo-ca revoke", "status",
                     "watch", "held drop", "trace", "metrics", "partner enrol", "user enrol", "backup", "store verify",
                     "config check", "mailbox list"):
            self.assertIn("  %s " % name, text)
        self.assertIn("--out BUNDLE", run("partner", "enrol", "--help")[0])
        self.assertRegex(run("--version")[0], r"^knooppunt \d+\.\d+\.\d+\n$")

    def test_what_is_wrong_is_named(self):
        for words, named in (([], "no command was given"), (["hold"], '"hold"'), (["held"], '"held"'),
                             (["held", "burn"], '"held burn"'), (["status", "x"], '"x"'),
                             (["status", "--fast"], '"--fast"'), (["watch"], "MAILBOX"),
                             (["partner", "enrol", "x"], "--out"), (["partner", "enrol", "x", "--out"], "--out"),
                             (["held", "show", "1", "2"], '"2"')):
            _, error = run(*words, expect=USAGE)
            self.assertIn(named, error)
        told = answer_of("watch", expect=USAGE)
        self.assertEqual((told["code"], told["name"]), (6, "USAGE"))

    def test_what_there_is_is_shown(self):
        for words in ([], ["xyzzy"]):
            _, error = run(*words, expect=USAGE)
            self.assertIn("  held list ", error)
            self.assertIn("  demo-ca sign ", error)
        for words in (["-h"], ["--help"], ["help"]):
            self.assertIn("  held list ", run(*words)[0])
        for command in ("proposal list", "person count", "held list"):
            self.assertEqual(run("--help")[0].count("  %s " % command), 1)
        for words, meant in ((["statsu"], "status"), (["held", "lsit"], "held list"), (["partner", "enrolll", "x"], "partner enrol"),
                             (["trcae", "7"], "trace"), (["hled", "list"], "held list"), (["match", "trian"], "match train"),
                             (["match", "epoch", "lsit"], "match epoch list")):
            self.assertIn('did you mean "knooppunt %s"?' % meant, run(*words, expect=USAGE)[1])
        for words in (["status", "--hosue", "x"], ["status", "x"]):
            self.assertIn("usage: knooppunt status [--json] [--house DIR | --socket PATH]", run(*words, expect=USAGE)[1])

    def test_the_beginning_of_commands_lists_them(self):
        verbs = {"held": ["list", "show", "retry", "drop"], "review": ["list", "show", "decided", "accept", "reject", "undo"],
                 "match": ["explain", "history", "unmerge", "train", "epoch list", "epoch compare", "epoch activate"],
                 "match epoch": ["list", "compare", "activate"]}
        for begun, ends in verbs.items():
            words = begun.split()
            names = ["%s %s" % (begun, end) for end in ends]
            listed = lambda lines: [line[2:24].rstrip() for line in lines]
            for asked in ([*words, "--help"], [*words, "-h"], [*words, "help"], ["help", *words], ["-h", *words]):
                self.assertEqual(listed(run(*asked)[0].splitlines()), names)
            for typed in (words, [*words, "--json"], [*words, "xyzzy"], ["help", *words, "xyzzy"]):
                out, error = run(*typed, expect=USAGE)
                whole = "a whole" if "xyzzy" not in typed else "a"
                self.assertEqual(error.splitlines()[0], 'knooppunt: "%s" is not %s command; there is:' % (
                    begun + (" xyzzy" if "xyzzy" in typed else ""), whole))
                self.assertEqual((out, listed(error.splitlines()[1:])), ("", names))

    def test_help_of_a_command_is_its_own(self):
        for name in ("link", "status", "review show", "match epoch list"):
            words = name.split()
            told = run(*words, "--help")
            self.assertIn("\n\n  knooppunt %s " % name, told[0])
            self.assertEqual((run("help", *words), run("--help", *words)), (told, told))
        self.assertIn('"xyzzy" is not a command', run("help", "xyzzy", expect=USAGE)[1])

    def test_a_number_that_is_none_is_named(self):
        for words, named in ((["trace", "politie"], '"politie" is not a position; give a number, or a partner and'),
                             (["held", "show", "abc"], '"abc" is not a position'),
                             (["held", "retry", "7", "8x"], '"8x" is not a position'),
                             (["held", "drop", "-", "--yes"], '"-" is not a position; give the number that `knooppunt held list` shows'),
                             (["match", "explain", "abc"], '"abc" is not a position; give the position of a signal, as `knooppunt trace'),
                             (["match", "explain", "7", "x"], '"x" is not the number of a person in a signal; give 1 for the first'),
                             (["match", "unmerge", "abc", "--reason", "anders"], '"abc" is not a position; give the position of a signal'),
                             (["review", "undo", "abc", "--reason", "anders"],
                              '"abc" is not a position; give the position of a decision, as `knooppunt review accept`'),
                             (["known-check", "list", "abc"], "give the position of a check, as `knooppunt known-check list` shows it")):
            self.assertIn(named, run(*words, expect=USAGE)[1])

    def test_a_reader_that_left_ends_it_without_a_word(self):
        for words in (["config", "fields"], ["help"], ["--version"], ["match", "--help"]):
            for ignored in (False, True):  # whoever starts us may have it so: a service manager
                self.assertEqual(end_of_pipe(*words, ignored=ignored), (-signal.SIGPIPE, b""), words)

    def test_a_full_output_is_not_done(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([str(KNOOPPUNT), "config", "fields"], stdout=full, stderr=subprocess.PIPE, check=False,
                                  timeout=60)
        self.assertEqual(done.returncode, BROKEN, done)


if __name__ == "__main__":
    unittest.main()
